"""The image registry: which images exist, and how the program inside each behaves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MEBIBYTE = 2**20


class ImageNotFoundError(Exception):
    """The registry has no such image; the message is the container runtime's."""

    def __init__(self, image: str):
        reason = f'failed to resolve reference "{image}": {image}: not found'
        super().__init__(f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": {reason}')


@dataclass(frozen=True)
class Build:
    """The program in an image.

    `error_ratio` of its requests fail with `error`; `cpu_factor` multiplies the CPU a request costs, `extra_latency`
    (seconds) comes on top of its work; memory starts at `memory` bytes and grows by `leak` bytes a second.
    """

    service: str
    version: str
    port: int = 8080
    health_path: str = "/healthz"
    log_format: Literal["json", "logfmt"] = "json"
    memory: float = 96 * MEBIBYTE
    error_ratio: float = 0.0
    error: str = ""
    cpu_factor: float = 1.0
    extra_latency: float = 0.0
    leak: float = 0.0


@dataclass(frozen=True)
class _HeadStart:
    until: datetime
    leaked: float


class Registry:
    """All images that were ever pushed."""

    def __init__(self) -> None:
        self._builds: dict[str, Build] = {}
        self._head_starts: dict[str, _HeadStart] = {}

    def push(self, image: str, build: Build) -> None:
        """Make an image available."""
        self._builds[image] = build

    def pull(self, image: str) -> Build:
        """The program in an image. Raises `ImageNotFoundError`."""
        if image not in self._builds:
            raise ImageNotFoundError(image)
        return self._builds[image]

    def start_leaked(self, image: str, leaked: float, until: datetime) -> None:
        """Let programs of this image that start before `until` begin with `leaked` bytes already lost.

        So that a leak shows within seconds: as if the release had been out for a while.
        """
        self._head_starts[image] = _HeadStart(until, leaked)

    def leaked_at_start(self, image: str, now: datetime) -> float:
        """Bytes a program of this image has lost the moment it starts."""
        found = self._head_starts.get(image)
        return found.leaked if found and now < found.until else 0.0
