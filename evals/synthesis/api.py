"""What every API object has: names, uids, times, owners."""

from datetime import datetime, timedelta

from evals.synthesis.world import World
from tools.documents import JsonObject, json_value


def stamp(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def metadata(world: World, kind: str, name: str, *, scoped: bool = True, created: datetime | None = None) -> JsonObject:
    """Name, uid, creation time, and the namespace of objects that have one."""
    found: JsonObject = {
        "name": name,
        "uid": world.uid(kind, name),
        "creationTimestamp": stamp(created or world.now - timedelta(days=30)),
    }
    return {**found, "namespace": world.system.namespace} if scoped else found


def api_object(
    version: str, kind: str, world: World, name: str, *, scoped: bool = True, **fields: object
) -> JsonObject:
    """An object of any kind."""
    rest = {key: json_value(value) for key, value in fields.items()}
    return {"apiVersion": version, "kind": kind, "metadata": metadata(world, kind, name, scoped=scoped), **rest}


def owner(world: World, kind: str, name: str) -> JsonObject:
    """A controlling owner."""
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": world.uid(kind, name), "controller": True}
