"""Applying manifests to the cluster, as `kubectl apply` and Argo CD do: create what is missing, else merge."""

from pydantic import JsonValue

from lab.shop.cluster.kinds import kind_of_manifest
from lab.shop.cluster.objects import Manifest, StoredObject, items, section, text
from lab.shop.cluster.patches import strategic_merge
from lab.shop.cluster.store import ObjectStore


def live_object(store: ObjectStore, manifest: Manifest) -> StoredObject | None:
    """The live object a manifest is about, None when there is none."""
    kind = kind_of_manifest(text(manifest, "apiVersion"), text(manifest, "kind"))
    metadata = section(manifest, "metadata")
    return store.find(kind, text(metadata, "name"), text(metadata, "namespace")) if kind else None


def merged(live: StoredObject, manifest: Manifest) -> Manifest:
    """What the live object would become; its lists of environment variables lose what the manifest does not name."""
    return strategic_merge(_without_environment(live.manifest), manifest)


def apply(store: ObjectStore, manifest: Manifest, *, dry_run: bool = False) -> tuple[StoredObject, str]:
    """Create or update the object; it comes back with kubectl's word for what happened."""
    live = live_object(store, manifest)
    if live is None:
        kind = kind_of_manifest(text(manifest, "apiVersion"), text(manifest, "kind"))
        if kind is None:
            raise ValueError(f"no kind {text(manifest, 'kind')!r} in {text(manifest, 'apiVersion')!r}")
        return store.create(kind, manifest, dry_run=dry_run), "created"
    after = store.replace(live, merged(live, manifest), dry_run=dry_run)
    return after, "unchanged" if after is live else "configured"


def _without_environment(manifest: Manifest) -> Manifest:
    """A three-way merge removes what was applied before and is gone now; only `env` ever shrinks in the shop."""
    pod = section(manifest, "spec", "template", "spec")
    if not pod:
        return manifest
    containers: list[JsonValue] = [_bare(container) for container in items(pod, "containers")]
    template: Manifest = {**section(manifest, "spec", "template"), "spec": {**pod, "containers": containers}}
    return {**manifest, "spec": {**section(manifest, "spec"), "template": template}}


def _bare(container: Manifest) -> Manifest:
    return {key: value for key, value in container.items() if key != "env"}
