"""Failures that come with a release; going back to the release before heals each of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from lab.shop.cluster.images import MEBIBYTE
from lab.shop.failures.levers import Levers
from lab.shop.manifests import Release, image_of
from lab.shop.releases import healthy_build
from lab.shop.topology import BACKING_VARIABLE, Service, address_variable

ERROR_RATIO = 0.35
CPU_FACTOR = 4.0
EXTRA_LATENCY = 0.6
# A fresh process lives for 20 s: 160 MiB of room at 8 MiB a second. Those of the rollout itself start as if they had
# run for a while, so that the first is killed some eight seconds after it started.
LEAK = 8.0 * MEBIBYTE
LEAKED_AT_ROLLOUT = 92.0 * MEBIBYTE
ROLLOUT_WINDOW = timedelta(seconds=25)
# What each program's log says when its new release fails.
ERRORS = {
    "frontend": "render failed: TypeError: Cannot read properties of undefined (reading 'price')",
    "catalog": "encode product: json: unsupported value: NaN",
    "cart": 'unmarshal cart: unknown field "bundle_id"',
    "cart-store": "ERR wrong number of arguments for 'hgetall' command",
    "checkout": "panic: runtime error: invalid memory address or nil pointer dereference in applyDiscount",
    "payment": "charge rejected: missing required parameter: idempotency_key",
    "inventory": 'ERROR: column "reserved_until" does not exist (SQLSTATE 42703)',
    "recommendation": "IndexError: index 512 is out of bounds for axis 0 with size 512",
}


def failing(levers: Levers, service: str) -> Callable[[], None]:
    """A release whose handler fails about a third of its requests."""
    return _with_build(levers, service, "Discount engine rewrite", error_ratio=ERROR_RATIO, error=ERRORS[service])


def slow(levers: Levers, service: str) -> Callable[[], None]:
    """A release that costs four times the CPU and takes more than half a second more."""
    cause = "Render price badges on the server"
    return _with_build(levers, service, cause, cpu_factor=CPU_FACTOR, extra_latency=EXTRA_LATENCY)


def leaking(levers: Levers, service: str) -> Callable[[], None]:
    """A release that leaks memory."""
    tag = levers.releases.next_version(service)
    levers.registry.start_leaked(image_of(service, tag), LEAKED_AT_ROLLOUT, levers.clock.now() + ROLLOUT_WINDOW)
    return _with_build(levers, service, "Cache sessions in memory", leak=LEAK)


def misdirected(levers: Levers, service: str) -> Callable[[], None]:
    """A configuration change that points one address at a host that does not exist."""
    before = levers.releases.current(service)
    variable, address = _wrong_address(before.service)
    env = {**before.env, variable: address}
    return _released(levers, replace(before, env=env, cause=f"Move {variable} to the new naming scheme"))


def unpullable(levers: Levers, service: str) -> Callable[[], None]:
    """A release that names an image nobody pushed."""
    before = levers.releases.current(service)
    image = image_of(service, f"{levers.releases.next_version(service)}-rc1")
    return _released(levers, replace(before, image=image, cause=f"Release {image.rpartition(':')[2]}"))


def _with_build(levers: Levers, service: str, cause: str, **behaviour: float | str) -> Callable[[], None]:
    before = levers.releases.current(service)
    tag = levers.releases.next_version(service)
    build = replace(healthy_build(before.service, tag), **behaviour)  # pyright: ignore[reportArgumentType]
    image = levers.releases.push(service, tag, build)
    return _released(levers, replace(before, image=image, cause=f"{cause} ({tag})"))


def _released(levers: Levers, bad: Release) -> Callable[[], None]:
    good = levers.releases.current(bad.service.name)
    levers.releases.release(bad)
    return lambda: levers.releases.revert(bad, good)


def _wrong_address(service: Service) -> tuple[str, str]:
    if service.dependencies:
        name = service.dependencies[-1]
        return address_variable(name), f"{name}-v2.shop-{name}.svc.cluster.local:8080"
    host = service.backing.host.replace(".prod.", ".production.").replace("api.", "api-v2.")
    return BACKING_VARIABLE, f"{host}:{service.backing.port}"
