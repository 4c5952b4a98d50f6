"""kubectl with one kubeconfig: the hands of whoever runs the site."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.parts import part
from lab.process import ServerError
from lab.shop.cluster.objects import Manifest

LIMIT_S = 60


class Kubectl:
    """Runs commands; each raises `ServerError` with what kubectl said when it fails, or when it takes too long."""

    def __init__(self, kubeconfig: Path):
        self.kubeconfig = kubeconfig

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """The command's standard output."""
        argv = [part("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        said = f"kubectl {' '.join(arguments)[:200]}"
        try:
            done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        except subprocess.TimeoutExpired as exc:
            raise ServerError(f"{said}: not through after {LIMIT_S} s") from exc
        if done.returncode:
            raise ServerError(f"{said}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Create or update objects, as kubectl's own field manager."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.run("apply", "--filename=-", stdin=json.dumps(document))

    def get(self, kind: str, name: str, namespace: str, path: str) -> str:
        """One field of an object, by JSONPath without braces; empty when it is not there."""
        return self.run("get", kind, name, f"--namespace={namespace}", f"--output=jsonpath={{{path}}}")

    def patch(self, kind: str, name: str, namespace: str, patch: Manifest) -> None:
        """Merge `patch` into an object, behind the back of whatever delivers it."""
        self.run("patch", kind, name, f"--namespace={namespace}", "--type=merge", f"--patch={json.dumps(patch)}")
