"""A suite of synthetic incidents: every fault on several services of every system that it can befall."""

import copy
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path

import yaml

from domain.errors import Misconfigured
from domain.model import sha256
from evals.cases import SCHEMA
from evals.labels import Label
from evals.recordings import Recording, folders_of, write
from evals.synthesis import history, logs, metrics, rendering
from evals.synthesis.api import stamp
from evals.synthesis.faults.catalogue import FAULTS
from evals.synthesis.faults.fault import Fault
from evals.synthesis.git import manifest
from evals.synthesis.shapes import App
from evals.synthesis.systems import SYSTEMS, Component, System
from evals.synthesis.world import World, healthy_world
from tools.documents import JsonObject, json_value

EPOCH = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SEED, PER_CAUSE = 1, 2
"""What our own suite is made with: the same bytes every time, so that it need not be kept."""
VAGUE = ("UsersReportErrors", "CheckFailing", "SyntheticJourneyFailed", "SomethingIsWrong")


def incidents(seed: int, per_cause: int) -> Iterator[Recording]:
    """For each cause up to `per_cause` incidents, over systems and services in turn."""
    for fault in FAULTS:
        places = [(system, item) for system in SYSTEMS for item in system.components if fault.suits(item)]
        dice = random.Random(f"{seed}/{fault.cause}")  # noqa: S311 - reproducible
        dice.shuffle(places)
        places = sorted(places, key=partial(_turn, tuple(places)))
        for number, (system, component) in enumerate(places[:per_cause]):
            yield incident(system, component, fault, seed=seed + number)


def _turn(places: tuple[tuple[System, Component], ...], place: tuple[System, Component]) -> int:
    """Which of its own system's places this is: first one of each system, then the second ones."""
    return [item for item in places if item[0] is place[0]].index(place)


def incident(system: System, component: Component, fault: Fault, *, seed: int) -> Recording:
    """One incident."""
    name = sha256(f"{system.name}/{component.name}/{fault.cause}/{seed}".encode())[:10]
    world = _world(system, name)
    history.bygones(world, component.name)
    declared = copy.deepcopy(world.apps)
    where = fault.apply(world, world.apps[component.name])
    if world.dice.random() < IN_GIT:
        declared = world.apps
    world.label = Label(fault_object=where, root_cause=fault.cause, fault_taxonomy=fault.taxonomy)
    return recorded(world, declared, name)


IN_GIT = 0.4
"""How often the fault came through Git, so that the manifest has it too."""


def well(system: System, *, seed: int) -> Recording:
    """The system in good health, with yesterday's events."""
    name = sha256(f"{system.name}/well/{seed}".encode())[:10]
    world = _world(system, name)
    history.bygones(world, "")
    return recorded(world, world.apps, name)


def _world(system: System, name: str) -> World:
    number = int(name, 16)
    return healthy_world(system, number, EPOCH + timedelta(minutes=number % 400_000))


def recorded(world: World, declared: dict[str, App], name: str) -> Recording:
    """The world as a case."""
    header = {"schema": SCHEMA, "id": name, "system": world.system.name, "namespace": world.system.namespace}
    return Recording(
        header={**header, "taken_at": stamp(world.now), "question": "Users report errors."},
        webhook=_webhook(world),
        items=rendering.items(world),
        logs=logs.logs(world),
        manifests={app.name: manifest(world, app) for app in declared.values() if not app.component.server},
        metrics=metrics.text(world),
        active_alerts=tuple(world.active_alerts),
        label=world.label,
    )


def _webhook(world: World) -> JsonObject:
    name = world.dice.choice(VAGUE)
    labels = {"alertname": name, "namespace": world.system.namespace, "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "Users report errors."},
        "startsAt": stamp(world.after(60)),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": sha256(f"{name}/{world.system.name}".encode())[:16],
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "triagent",
        "groupLabels": {"alertname": name},
        "commonLabels": json_value(labels),
        "commonAnnotations": {"summary": "Users report errors."},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": json_value([alert]),
    }


def generate(
    out: Path, *, seed: int = SEED, per_cause: int = PER_CAUSE, healthy_states: int = 0, most: int | None = None
) -> int:
    """Write a suite, or its first `most` cases, into `out` and count them. Raises `Misconfigured` where cases are."""
    if out.exists() and folders_of(out):
        raise Misconfigured(f"{out} has cases already; choose an empty folder")
    write_catalogue(out)
    states = (well(SYSTEMS[number % len(SYSTEMS)], seed=seed + number) for number in range(healthy_states))
    written = 0
    for case in islice(chain(incidents(seed, per_cause), states), most):
        write(case, out)
        written += 1
    return written


def write_catalogue(out: Path) -> None:
    """Give a folder the signals of synthetic suites."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "signals.yaml").write_text(yaml.safe_dump(metrics.CATALOGUE, sort_keys=False))
