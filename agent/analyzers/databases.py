"""Databases as their clients see them: credentials, ports, connections, read-only servers.

A fault of the client (wrong login, wrong port) is the client's; one of the server is found by walking from the clients
that complain back to the database they share.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.addresses import parse_address, variables
from agent.analyzers.distress import complaints, distress_of
from agent.analyzers.journal import Line, Phrases, application_logs, last_line
from agent.analyzers.limits import POOL_WORDS
from agent.analyzers.suspicion import LIKELY, PROVEN, STRONG, Suspicion
from agent.cluster.objects import Service
from agent.cluster.workloads import Workload
from agent.looks import Look, Sighting, Statement, states
from agent.situation import Ailing, Situation, reference
from domain.objects import ObjectRef

CREDENTIAL_WORDS = Phrases(
    "Access denied for user",
    "password authentication failed",
    "authentication failed",
    "WRONGPASS",
    "invalid username-password",
)
REFUSED_WORDS = Phrases(
    "Communications link failure",
    "Can't connect to MySQL",
    "could not connect to server",
    "connection to server at",
    "SQLSTATE[HY000] [2002]",
    "MongoNetworkError",
)
REFUSAL = Phrases("connection refused", "ECONNREFUSED", "timed out", "i/o timeout")
UNKNOWN_HOST = Phrases("UnknownHost", "name resolution", "no such host", "Name or service not known")
SERVER_WORDS = (
    (
        "db_connection_exhaustion",
        Phrases(
            "Too many connections",
            "too many clients",
            "remaining connection slots",
            "max_user_connections",
            "max number of clients reached",
            "connection limit exceeded",
            "connection refused because too many open connections",
            "maximum number of sessions exceeded",
        ),
    ),
    (
        "db_read_only",
        Phrases(
            "read-only option",
            "read_only option",
            "read-only mode",
            "read-only transaction",
            "READONLY You can't write",
            "Queries leading to data modification are not allowed",
            "NotWritablePrimary",
        ),
    ),
)
DATABASE_PORTS = frozenset({3306, 5432, 27017, 6379, 1433, 1521, 9042})
_PORT_KEY = re.compile(r"(?:MYSQL|POSTGRES|PG|DB|DATABASE|MONGO|REDIS|SQL)[A-Z_]*_?PORT$")
_HOST_KEY = re.compile(
    r"(?:MYSQL|POSTGRES|PG|DB|DATABASE|DATASOURCE|MONGO|REDIS|SQL)[A-Z_]*_?(?:HOST|ADDR|ADDRESS|URL|URI|ENDPOINT)$"
)


def wrong_logins(situation: Situation) -> Iterator[Suspicion]:
    """Ailing clients that the database turns away by their login."""
    for ailing in situation.ailing:
        line = last_line(situation, application_logs(situation, ailing.sick), CREDENTIAL_WORDS)
        if line:
            yield Suspicion(
                "mysql_invalid_credentials",
                reference(ailing.workload),
                STRONG,
                (states(f"{line.key.container} is turned away: {line.sighting.value}", line.sighting),),
            )


def odd_logins(situation: Situation) -> Iterator[Suspicion]:
    """Crashing clients whose login in Git is not the one that others use for the same database."""
    logins = {item.name: login for item in situation.workloads if (login := _login(situation, item))}
    for ailing in situation.ailing:
        mine = logins.get(ailing.workload.name)
        if mine is None or not _crashing(ailing):
            continue
        peers = [other for name, other in logins.items() if name != ailing.workload.name and other.host == mine.host]
        if len(peers) > 1 and all((peer.user, peer.password) != (mine.user, mine.password) for peer in peers):
            seen = mine.look.sees(f"{ailing.workload} login", "differs")
            others = mine.look.sees(f"clients of {mine.host}", float(len(peers)))
            text = f"{ailing.workload}'s login for {mine.host} {seen.value} from that of {len(peers)} other clients"
            yield Suspicion(
                "mysql_invalid_credentials", reference(ailing.workload), LIKELY, (states(text, seen, others),)
            )


class _Login(NamedTuple):
    """A client's login as Git has it. The password is compared, never shown."""

    host: str
    user: str
    password: str
    look: Look


def _login(situation: Situation, workload: Workload) -> _Login | None:
    manifest = situation.manifest_of(workload.name)
    for secret in manifest.cluster.secrets if manifest else ():
        values = {suffix: value for name, value in secret.string_data.items() for suffix in (name.rpartition("_")[2],)}
        if manifest and {"HOST", "USER", "PASSWORD"} <= values.keys():
            return _Login(values["HOST"], values["USER"], values["PASSWORD"], manifest.look)
    return None


def wrong_ports(situation: Situation) -> Iterator[Suspicion]:
    """Ailing clients that cannot reach a database which others reach."""
    for ailing in situation.ailing:
        logs = list(application_logs(situation, ailing.sick))
        line = last_line(situation, logs, REFUSED_WORDS)
        if any(UNKNOWN_HOST.may_be_in(log.folded) for _, log in logs):
            continue
        mismatch = _port_mismatch(situation, ailing)
        if line is None and (mismatch is None or not _crashing(ailing)):
            continue
        refused = last_line(situation, logs, REFUSAL)
        statements: list[Statement] = [mismatch] if mismatch else []
        if line:
            statements.append(states(f"{line.key.container} cannot connect: {line.sighting.value}", line.sighting))
        if line and not mismatch and not refused:
            continue
        yield Suspicion(
            "mysql_invalid_port",
            reference(ailing.workload),
            PROVEN if mismatch and line else STRONG if mismatch else LIKELY,
            tuple(statements),
        )


def _crashing(ailing: Ailing) -> bool:
    return any(status.restart_count for pod in ailing.sick for status in pod.status.container_statuses)


def _port_mismatch(situation: Situation, ailing: Ailing) -> Statement | None:
    """A database port in the client's configuration that the database's Service does not have."""
    settings = dict(_settings(situation, ailing.workload))
    for key, (value, asked) in settings.items():
        port = _port_in(key, value)
        of = {key: settings[key]} if _HOST_KEY.search(key) else settings
        service = next(_database_services(situation, ailing.workload, of), None) if port else None
        if service and port not in {item.port for item in service.spec.ports}:
            offered = ", ".join(str(item.port) for item in service.spec.ports)
            has = situation.objects.sees(f"{service} ports", offered)
            text = f"{ailing.workload} is configured with {key} {asked.value}; {service} has {has.value}"
            return states(text, asked, has)
    return None


def _port_in(key: str, value: str) -> int | None:
    """The port that a setting of a database names: as a number of its own, or within an address."""
    if _PORT_KEY.search(key):
        return int(value) if value.isdigit() else None
    address = parse_address(value) if _HOST_KEY.search(key) else None
    return address.port if address else None


def _settings(situation: Situation, workload: Workload) -> Iterator[tuple[str, tuple[str, Sighting]]]:
    """Readable settings of the workload, live ones and those of Secrets that Git holds."""
    for container in workload.template.containers:
        for name, value in variables(workload, container, situation.cluster):
            yield name, (value, situation.objects.sees(f"{workload} setting {name}", value))
    manifest = situation.manifest_of(workload.name)
    for secret in manifest.cluster.secrets if manifest else ():
        for name, value in secret.string_data.items():
            if manifest and (_PORT_KEY.search(name) or _HOST_KEY.search(name)):
                yield name, (value, manifest.look.sees(f"{secret} {name}", value))


def _database_services(
    situation: Situation, workload: Workload, settings: dict[str, tuple[str, Sighting]]
) -> Iterator[Service]:
    for key, (value, _) in settings.items():
        address = parse_address(value) if _HOST_KEY.search(key) else None
        if address:
            parts = address.host.split(".")
            namespace = parts[1] if len(parts) > 1 else workload.namespace
            found = situation.cluster.service(namespace, parts[0])
            if found:
                yield found


def exhausted_servers(situation: Situation) -> Iterator[Suspicion]:
    """Databases that refuse connections or writes, by what they and their clients say."""
    for cause, words in SERVER_WORDS:
        complaints: dict[str, list[tuple[ObjectRef, Line]]] = {}
        for workload in situation.workloads:
            line = last_line(situation, application_logs(situation, situation.cluster.pods_of(workload)), words)
            if line:
                server = _server_of(situation, workload)
                complaints.setdefault(str(server), []).append((server, line))
        for found in complaints.values():
            lines = [line for _, line in found][:3]
            yield Suspicion(
                cause,
                found[0][0],
                PROVEN if len(found) > 1 else STRONG,
                tuple(states(f"{line.key.pod}: {line.sighting.value}", line.sighting) for line in lines),
            )


def _server_of(situation: Situation, workload: Workload) -> ObjectRef:
    """The database behind a workload that complains: what its settings name, else itself (it is the database)."""
    settings = dict(_settings(situation, workload))
    service = next(_database_services(situation, workload, settings), None)
    if service is not None:
        return reference(_behind(situation, service))
    if workload.kind == "StatefulSet":
        return reference(workload)
    servers = list(_unclaimed_servers(situation))
    return reference(servers[0] if len(servers) == 1 else workload)


def _behind(situation: Situation, service: Service) -> Workload | Service:
    """The workload of a Service, also of one that selects a role no pod has at the moment (a leader that is gone)."""
    wanted = set(service.spec.selector.items())
    by_labels = [
        (len(wanted & set(item.spec.template.metadata.labels.items())), item)
        for item in situation.cluster.workloads
        if item.namespace == service.namespace
    ]
    shared, closest = max(by_labels, key=lambda pair: pair[0], default=(0, None))
    found = next(iter(situation.cluster.backends(service)), None)
    return found or (closest if closest and 2 * shared > len(wanted) else service)


def starved_clients(situation: Situation) -> Iterator[Suspicion]:
    """Several clients of one database whose pools are empty: it is the database that has nothing left to give."""
    waiting: dict[str, list[tuple[ObjectRef, Workload, Line]]] = {}
    for workload, line in complaints(situation, POOL_WORDS):
        if distress_of(situation, workload).statements:
            server = _server_of(situation, workload)
            waiting.setdefault(str(server), []).append((server, workload, line))
    for found in waiting.values():
        server = found[0][0]
        if len(found) > 1 and server != reference(found[0][1]):
            lines = tuple(states(f"{line.key.pod} waits: {line.sighting.value}", line.sighting) for _, _, line in found)
            yield Suspicion("db_connection_exhaustion", server, LIKELY, lines[:3])


def _unclaimed_servers(situation: Situation) -> Iterator[Workload]:
    """Databases in the namespace, by their ports, that no readable setting of another workload names."""
    named = {name for callees in situation.configured_calls.callees.values() for name in callees}
    servers: dict[str, Workload] = {}
    claimed: set[str] = set()
    for service in situation.services:
        for workload in situation.cluster.backends(service):
            if any(port.port in DATABASE_PORTS for port in service.spec.ports):
                servers[workload.name] = workload
                claimed |= {workload.name} if service.name in named else set()
    return (workload for name, workload in servers.items() if name not in claimed)
