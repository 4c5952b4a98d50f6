"""Running controllers when there is something for them to do."""

from typing import Protocol

from lab.shop.cluster.store import ObjectStore


class Controller(Protocol):
    """Brings live objects nearer to what is wanted; looks at nothing but the store."""

    def step(self) -> None:
        """Take the steps that are possible now."""


class Reconciler:
    """Steps controllers, in order, whenever an object has changed since they last began."""

    def __init__(self, store: ObjectStore, *controllers: Controller):
        self._store = store
        self._controllers = controllers
        self._seen = -1

    def step(self) -> None:
        """Step every controller, or none; their own changes make for another round next time."""
        if self._store.version == self._seen:
            return
        self._seen = self._store.version
        for controller in self._controllers:
            controller.step()
