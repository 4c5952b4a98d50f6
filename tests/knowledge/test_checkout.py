import subprocess
from pathlib import Path

import pytest

from knowledge.checkout import checked_out, parse
from knowledge.sources import collect


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A Git repository with one runbook on `main`."""
    folder = tmp_path / "origin"
    (folder / "docs").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "# Version one")
    return folder


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, timeout=30)  # noqa: S607 - fixed words


def commit(folder: Path, text: str) -> None:
    (folder / "docs" / "CartDown.md").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "docs")


async def test_documents_come_from_a_git_checkout_and_follow_it(repository: Path, tmp_path: Path):
    """A Git source is read at its ref, and a later refresh sees later commits."""
    source = f"git+{repository.as_uri()}@main#docs"
    first = await collect((source,), tmp_path / "checkouts")
    commit(repository, "# Version two")
    second = await collect((source,), tmp_path / "checkouts")
    titles = [next(r.title for r in part.runbooks if r.id == "cartdown") for part in (first, second)]
    assert (titles, first.problems) == (["Version one", "Version two"], ())


async def test_a_failed_fetch_keeps_the_last_checkout(repository: Path, tmp_path: Path):
    """When the remote is gone, what was fetched before is still read, and the problem is named."""
    source = f"git+{repository.as_uri()}@main"
    await checked_out(source, tmp_path / "checkouts")
    repository.rename(tmp_path / "moved")
    checkout = await checked_out(source, tmp_path / "checkouts")
    assert checkout.folder is not None
    assert "fetch failed" in checkout.problems[0].reason


async def test_hooks_of_a_checkout_do_not_run(repository: Path, tmp_path: Path):
    """Nothing in a repository, nor in an old checkout's hooks, is executed."""
    source = f"git+{repository.as_uri()}@main"
    checkout = await checked_out(source, tmp_path / "checkouts")
    assert checkout.folder is not None
    hook = checkout.folder / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    commit(repository, "# again")
    await checked_out(source, tmp_path / "checkouts")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "source",
    [
        "git+ext::sh -c touch% /tmp/x",
        "git+https://example.org/repo@--upload-pack=touch",
        "git+http://example.org/repo",
        "git+--help",
        "git+file:///srv/docs@main#../../etc",
        "git+https://example.org",
    ],
)
async def test_addresses_that_could_do_more_than_fetch_are_refused(source: str, tmp_path: Path):
    """Other transports, refs that are options and folders outside the checkout are problems, and nothing runs."""
    checkout = await checked_out(source, tmp_path / "checkouts")
    assert checkout.folder is None
    assert "expected git+https" in checkout.problems[0].reason
    assert not (tmp_path / "checkouts").exists()


def test_an_address_names_url_ref_and_folder():
    """A branch with a slash, a user in the address and a folder are told apart."""
    assert parse("git+ssh://git@example.org/team/docs.git@release/1.2#run/books") == (
        "ssh://git@example.org/team/docs.git",
        "release/1.2",
        "run/books",
    )
    assert parse("git+https://example.org/docs") == ("https://example.org/docs", "HEAD", "")


async def test_passwords_of_addresses_are_not_shown(tmp_path: Path):
    """A problem with a source never repeats the credentials in its address."""
    source = "git+https://bot:hunter2@127.0.0.1:1/docs@main"
    checkout = await checked_out(source, tmp_path / "checkouts")
    assert "hunter2" not in checkout.problems[0].model_dump_json()
