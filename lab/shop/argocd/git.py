"""In-memory Git: one repository a tracked service, a linear history, one release a commit."""

import random
from dataclasses import dataclass, field
from datetime import datetime

from lab.shop.clock import Clock
from lab.shop.cluster.objects import Manifest
from lab.shop.manifests import Release

AUTHORS = ("Ana Souza <ana@shop.example>", "Jonas Weber <jonas@shop.example>", "Mei Tanaka <mei@shop.example>")


class UnknownRevisionError(Exception):
    """The repository has no such commit."""


@dataclass(frozen=True)
class Commit:
    """One commit: who, when, why, and the manifests it holds."""

    revision: str
    author: str
    date: datetime
    message: str
    release: Release
    manifests: list[Manifest]


@dataclass
class Repository:
    """One service's repository; the last commit is HEAD."""

    url: str
    path: str
    commits: list[Commit] = field(default_factory=list[Commit])

    @property
    def head(self) -> Commit:
        """The newest commit."""
        return self.commits[-1]

    def resolve(self, revision: str) -> Commit:
        """The commit a full id, an abbreviation of at least seven digits, `HEAD`, `main` or nothing names.

        Raises `UnknownRevisionError`.
        """
        if revision in {"", "HEAD", "main"}:
            return self.head
        found = [commit for commit in self.commits if commit.revision.startswith(revision)]
        if len(found) != 1 or len(revision) < 7:
            raise UnknownRevisionError(f"unable to resolve '{revision}' to a commit SHA")
        return found[0]


class Git:
    """All repositories, by service."""

    def __init__(self, clock: Clock, rng: random.Random):
        self._clock = clock
        self._rng = rng
        self._repositories: dict[str, Repository] = {}

    def repository(self, service: str) -> Repository:
        """A service's repository, made when first asked for."""
        if service not in self._repositories:
            self._repositories[service] = Repository(f"https://git.shop.example/shop/{service}.git", "deploy")
        return self._repositories[service]

    def commit(self, release: Release, manifests: list[Manifest]) -> Commit:
        """Add a commit on top of the service's history."""
        repository = self.repository(release.service.name)
        author = AUTHORS[len(repository.commits) % len(AUTHORS)]
        revision = f"{self._rng.getrandbits(160):040x}"
        commit = Commit(revision, author, self._clock.now(), release.cause, release, manifests)
        repository.commits.append(commit)
        return commit
