"""A pod's status, as its kubelet writes it."""

from datetime import datetime

from pydantic import JsonValue

from lab.shop.cluster.objects import Manifest, StoredObject, items, text, timestamp
from lab.shop.cluster.processes import Process, Waiting, container_state


def pod_status(
    stored: StoredObject, processes: list[Process], ip: str, started_at: datetime, now: datetime
) -> Manifest:
    """`v1.PodStatus`; condition times change only when the condition does."""
    ready = all(process.ready for process in processes)
    started = any(process.running or process.restarts for process in processes)
    unready = [process.container.name for process in processes if not process.ready]
    why: Manifest = {}
    if unready:
        names = " ".join(unready)
        why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{names}]"}
    conditions = [
        _condition(stored, "Initialized", True, {}, now),
        _condition(stored, "Ready", ready, why, now),
        _condition(stored, "ContainersReady", ready, why, now),
        _condition(stored, "PodScheduled", True, {}, now),
    ]
    return {
        "phase": "Running" if started else "Pending",
        "conditions": list[JsonValue](conditions),
        "hostIP": f"192.168.10.{ip.split('.')[2]}",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": timestamp(started_at),
        "containerStatuses": [_container_status(process) for process in processes],
        "qosClass": "Burstable",
    }


def _condition(stored: StoredObject, name: str, holds: bool, why: Manifest, now: datetime) -> Manifest:
    status = str(holds)
    nothing: Manifest = {}
    before = next((entry for entry in items(stored.status, "conditions") if entry.get("type") == name), nothing)
    since = text(before, "lastTransitionTime") if before.get("status") == status else timestamp(now)
    return {"type": name, "status": status, "lastProbeTime": None, "lastTransitionTime": since, **why}


def _container_status(process: Process) -> Manifest:
    # ErrImagePull happens before the runtime has an image id to report.
    pulled = process.build is not None and not isinstance(process.state, Waiting)
    return {
        "name": process.container.name,
        "image": process.container.image,
        "imageID": f"{process.container.image}@sha256:{_digest(process.container.image)}" if pulled else "",
        "ready": process.ready,
        "started": process.running,
        "restartCount": process.restarts,
        "state": container_state(process.state),
        "lastState": container_state(process.last_termination),
    }


def _digest(image: str) -> str:
    return image.encode().hex().rjust(64, "0")[-64:]
