"""The registry of the site: which program an image holds. Releases known to be bad are listed; all others are sound."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from lab.shop.cluster.images import Build
from lab.shop.failures.releases import CPU_FACTOR, ERROR_RATIO, ERRORS, EXTRA_LATENCY
from lab.shop.manifests import image_of
from lab.shop.releases import healthy_build
from lab.shop.topology import BY_NAME, SERVICES, Service

MISSING_PREFIX = "missing-"
"""Tags that begin like this were never pushed."""

Flaw = Callable[[Build], Build]


def failing(build: Build) -> Build:
    """The handler fails about a third of its requests."""
    return replace(build, error_ratio=ERROR_RATIO, error=ERRORS[build.service])


def slow(build: Build) -> Build:
    """It needs several times the CPU, and more than half a second more."""
    return replace(build, cpu_factor=CPU_FACTOR, extra_latency=EXTRA_LATENCY)


def version_before(tag: str) -> str:
    """The patch release before: `2.4.0` of `2.4.1`."""
    major, minor, patch = _numbers(tag)
    return f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.4"


def version_after(tag: str) -> str:
    """The next minor release: `2.5.0` of `2.4.1`."""
    major, minor, _ = _numbers(tag)
    return f"{major}.{minor + 1}.0"


def _numbers(tag: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in tag.split("."))
    return major, minor, patch


def flawed_release(service: Service) -> str:
    """The tag of the service's next release, which fails requests."""
    return version_after(service.version)


def slow_release(service: Service) -> str:
    """The tag of the release after it, which is slow."""
    return version_after(version_after(service.version))


BAD_RELEASES: Mapping[str, Flaw] = {
    image_of(service.name, tag): flaw
    for service in SERVICES
    for tag, flaw in ((flawed_release(service), failing), (slow_release(service), slow))
}
"""What is wrong with an image, by its reference."""


def program_of(image: str) -> Build | None:
    """The program in an image; None for one that is not the shop's."""
    found = re.fullmatch(r".*/(?P<service>[^/:]+):(?P<tag>[^:]+)", image)
    service = BY_NAME.get(found["service"]) if found else None
    if found is None or service is None or found["tag"].startswith(MISSING_PREFIX):
        return None
    build = healthy_build(service, found["tag"])
    flaw = BAD_RELEASES.get(image)
    return flaw(build) if flaw else build
