"""What every writer returns."""

from domain.model import Model

CHANGE_KEY = "triagent.dev/change"
"""Annotation (Kubernetes) and operation info (Argo CD) under which a change leaves its id."""


class Applied(Model):
    """The change is in place. `already` says that an earlier attempt of the same change had put it there.

    `generation` is the one a workload's spec has by this change alone; None for applications.
    """

    already: bool
    detail: str
    generation: int | None = None
