"""Git repositories on disk, one a service, as Argo CD reads them."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.environment import inherited
from lab.process import ServerError
from lab.shop.cluster.objects import Manifest, section, text
from lab.shop.releases import RELEASER

BRANCH = "main"
_IDENTITY = {
    "GIT_AUTHOR_NAME": RELEASER,
    "GIT_AUTHOR_EMAIL": f"{RELEASER}@shop.example",
    "GIT_COMMITTER_NAME": RELEASER,
    "GIT_COMMITTER_EMAIL": f"{RELEASER}@shop.example",
    # Whatever the user's own configuration says of hooks, signing or default branches is not the lab's.
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


class Repository:
    """What one service should be: a file a manifest; made on first use. Raises `ServerError` when git fails."""

    def __init__(self, folder: Path):
        self.folder = folder
        if not (folder / ".git").exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", f"--initial-branch={BRANCH}")

    @property
    def url(self) -> str:
        """Where Argo CD clones it from."""
        return f"file://{self.folder.absolute()}"

    @property
    def head(self) -> str:
        """The revision of the branch."""
        return self._git("rev-parse", "HEAD").strip()

    def commit(self, manifests: Sequence[Manifest], message: str) -> str:
        """Let the repository hold exactly these manifests; its revision, a new one if that changes anything."""
        for old in self.folder.glob("*.json"):
            old.unlink()
        for manifest in manifests:
            name = f"{text(manifest, 'kind')}-{text(section(manifest, 'metadata'), 'name')}.json".lower()
            (self.folder / name).write_text(json.dumps(manifest, indent=2) + "\n")
        self._git("add", "--all")
        if self._git("status", "--porcelain"):
            self._git("commit", "--quiet", f"--message={message}")
        return self.head

    def _git(self, *arguments: str) -> str:
        argv = ["git", "-C", str(self.folder), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, env=inherited(_IDENTITY))
        if done.returncode:
            raise ServerError(f"git {arguments[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout
