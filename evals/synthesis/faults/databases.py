"""Databases: logins, ports, connections, and servers that refuse to write."""

from evals.synthesis.faults.fault import Fault, app_of, client, crashes, harm, mysql, replaced
from evals.synthesis.logs import say
from evals.synthesis.shapes import App, Pod
from evals.synthesis.systems import Component
from evals.synthesis.wording import worded
from evals.synthesis.world import World, changed


def _crashing(world: World, app: App, words: str) -> str:
    for pod in replaced(world, app, changed(app), rolling=False):
        crashes(world, pod, 1, lived=12)
        say(world, pod, words, previous=True)
    harm(world, app)
    return app_of(app)


def _credentials(world: World, app: App) -> str:
    secret = f"{app.name}-db"
    world.secrets[secret] = {**world.secrets[secret]}
    address = app.pods[0].ip
    return _crashing(world, app, worded("wrong_login", app.component.language, user=app.name, address=address))


def _port(world: World, app: App) -> str:
    template = changed(app)
    template.main.env["DB_PORT"] = world.dice.choice(("3307", "33060", "5432"))
    database = app.component.database
    address, port = world.apps[database].fronts[0].ip, template.main.env["DB_PORT"]
    words = worded("wrong_database_port", app.component.language, address=address, port=port)
    for pod in replaced(world, app, template, rolling=False):
        crashes(world, pod, 1, lived=12)
        say(world, pod, words, previous=True)
    harm(world, app)
    return app_of(app)


def _clients(world: World, app: App) -> list[tuple[App, Pod]]:
    names = [item.name for item in world.system.callers(app.name)]
    return [(world.apps[name], world.apps[name].pods[0]) for name in names]


def _exhausted(world: World, app: App) -> str:
    """The server has no connection left; its clients stay up and fail."""
    for caller, pod in _clients(world, app):
        say(world, pod, worded("no_connections", caller.component.language))
        world.telemetry.shift(caller.name, "success_ratio", factor=0.4)
    return app_of(app)


def _read_only(world: World, app: App) -> str:
    """The server was left in super-read-only mode; its clients fail to write."""
    for caller, pod in _clients(world, app):
        say(world, pod, worded("read_only", caller.component.language))
        world.telemetry.shift(caller.name, "success_ratio", factor=0.6)
    return app_of(app)


def _pool(world: World, app: App) -> str:
    """A leak of connections in the client; the server has plenty."""
    say(world, app.pods[0], worded("pool_exhausted", app.component.language))
    world.telemetry.shift(app.name, "success_ratio", factor=0.5)
    world.telemetry.shift(app.name, "latency_p50", factor=20)
    return app_of(app)


def with_database(component: Component) -> bool:
    """What logs in to any database."""
    return bool(component.database)


FAULTS = (
    Fault("mysql_invalid_credentials", _credentials, client),
    Fault("mysql_invalid_port", _port, client),
    Fault("db_connection_exhaustion", _exhausted, mysql),
    Fault("db_read_only", _read_only, mysql),
    Fault("connection_pool_exhausted", _pool, with_database),
)
