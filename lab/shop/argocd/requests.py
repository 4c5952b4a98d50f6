"""Bodies of the requests that change applications."""

from pydantic import Field

from lab.shop.argocd.models import Info, Model, ResourceRef


class SyncRequest(Model):
    """`POST …/sync`. There is never anything to prune: no commit of the shop's repositories drops an object."""

    revision: str | None = None
    dry_run: bool = False
    prune: bool = False
    resources: list[ResourceRef] | None = None
    infos: list[Info] | None = None


class RollbackRequest(Model):
    """`POST …/rollback`; `id` is a history entry's."""

    id: int = 0
    dry_run: bool = False
    prune: bool = False


class PatchRequest(Model):
    """`PATCH` of an application: the patch is a JSON text, its type `merge` or `json`."""

    patch: str
    patch_type: str = Field(default="merge")
