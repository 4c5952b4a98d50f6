"""Incidents made from what Kubernetes does: invented systems, faults by cause, and what each part says of them.

Statuses, conditions and events have the words of kubelet, scheduler and controllers of two minor versions, so that what
reads them is not measured by its own words. A world (`world`) is healthy; a fault (`faults`) changes it the way the
fault does in a cluster; `rendering` and `telemetry` write down what the API server, the logs and Prometheus then show.
"""
