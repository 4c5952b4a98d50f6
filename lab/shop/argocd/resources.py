"""Managed resources and events of an application."""

from pydantic import JsonValue

from lab.shop.argocd.applications import Application, Comparison, compact
from lab.shop.cluster.kinds import EVENT
from lab.shop.cluster.objects import Manifest, section, text
from lab.shop.cluster.store import ObjectStore

_NOT_COMPARED = ("status",)
_NOT_COMPARED_METADATA = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink")


def managed_resources(compared: list[Comparison]) -> Manifest:
    """`v1alpha1.ManagedResourcesResponse`: states as JSON strings, normalised for comparison where it says so."""
    return {"items": [_managed(comparison) for comparison in compared]}


def _managed(comparison: Comparison) -> Manifest:
    group, _, _ = text(comparison.target, "apiVersion").rpartition("/")
    metadata = section(comparison.target, "metadata")
    live = comparison.live.manifest if comparison.live else None
    return {
        "group": group,
        "kind": text(comparison.target, "kind"),
        "namespace": text(metadata, "namespace"),
        "name": text(metadata, "name"),
        "targetState": compact(comparison.target),
        "liveState": compact(live) if live else "null",
        "normalizedLiveState": compact(_normalized(live)) if live else "null",
        "predictedLiveState": compact(_normalized(comparison.predicted)),
        "resourceVersion": comparison.live.resource_version if comparison.live else "",
        "modified": not comparison.synced,
    }


def _normalized(manifest: Manifest) -> Manifest:
    metadata = {key: value for key, value in section(manifest, "metadata").items() if key not in _NOT_COMPARED_METADATA}
    kept = {key: value for key, value in manifest.items() if key not in _NOT_COMPARED}
    return {**kept, "metadata": metadata}


def application_events(store: ObjectStore, application: Application, resource: str, uid: str) -> Manifest:
    """`v1.EventList` of the application, or of one of its resources by name or uid."""
    wanted = {application.uid} if not (resource or uid) else {uid} - {""}
    found: list[JsonValue] = []
    for stored in store.objects(EVENT):
        involved = section(stored.manifest, "involvedObject")
        if text(involved, "uid") in wanted or (resource and not uid and text(involved, "name") == resource):
            found.append(stored.manifest)
    return {"metadata": {"resourceVersion": str(store.version)}, "items": found}
