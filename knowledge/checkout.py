"""Git sources: a shallow checkout that is only ever read."""

import asyncio
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from domain.model import digest_of
from knowledge.loading import Problem

TIMEOUT_SECONDS = 120.0
_REF = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$")
_SETTINGS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.allow=never"),
    *("-c", "protocol.file.allow=always"),
    *("-c", "protocol.https.allow=always"),
    *("-c", "protocol.ssh.allow=always"),
    *("-c", "core.symlinks=false"),
    *("-c", "advice.detachedHead=false"),
)
"""Nothing in a repository may run here, and no transport that starts a program may be named."""


class Checkout(NamedTuple):
    """The folder to read, if there is one. With an older checkout at hand a failed fetch is only a problem."""

    folder: Path | None
    problems: tuple[Problem, ...] = ()


class Address(NamedTuple):
    """A parsed `git+…` source."""

    url: str
    ref: str
    folder: str


class _GitFailed(Exception):
    """A git command failed; the message is its last words."""


def parse(source: str) -> Address | None:
    """`git+URL[@ref][#folder]`, or None if it is not of that form. The ref defaults to `HEAD`."""
    address, _, folder = source.removeprefix("git+").partition("#")
    parts = urlsplit(address)
    path, _, ref = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "HEAD")
    safe = parts.scheme in {"https", "ssh", "file"} and ".." not in Path(folder).parts and path.startswith("/")
    if not safe or not _REF.match(ref):
        return None
    return Address(parts._replace(path=path).geturl(), ref, folder.strip("/"))


async def checked_out(source: str, checkouts: Path) -> Checkout:
    """Fetch `source` into its own folder below `checkouts`; never raises for what the remote does."""
    address = parse(source)
    if address is None:
        reason = "expected git+https://host/path@ref, git+ssh://… or git+file://…, with #folder at will"
        return Checkout(None, (Problem(source=_public(source), path="", reason=reason),))
    folder = checkouts / digest_of(source)[:16]
    problems: tuple[Problem, ...] = ()
    try:
        await _fetch(address, folder)
    except (_GitFailed, OSError) as error:
        problems = (Problem(source=_public(source), path="", reason=str(error)[:1000]),)
    wanted = folder / address.folder
    return Checkout(wanted if wanted.is_dir() and (folder / ".git/HEAD").exists() else None, problems)


async def _fetch(address: Address, folder: Path) -> None:
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await _git(folder, "init", "--quiet")
    await _git(folder, "fetch", "--quiet", "--depth=1", "--no-tags", "--", address.url, address.ref)
    await _git(folder, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")


async def _git(folder: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "git",
        *_SETTINGS,
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # no terminal: a password prompt fails instead of waiting
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise _GitFailed(f"git {arguments[0]} took over {TIMEOUT_SECONDS:.0f} s and was stopped") from error
    if process.returncode:
        raise _GitFailed(f"git {arguments[0]} failed: {_public(said.decode(errors='replace').strip())}")


def _public(text: str) -> str:
    """Without the user and password of an address."""
    return re.sub(r"(\w+://)[^/@\s]*@", r"\1", text)
