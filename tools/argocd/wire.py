"""The shapes of Argo CD's API; `states` says what they mean.

Source: https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/ (swagger of 3.x)
"""

from pydantic import Field, TypeAdapter

from domain.model import External, Timestamp
from tools.applied import CHANGE_KEY

NO_HISTORY = -1
"""`last_history_id` of an application that was never deployed; history ids begin with 0."""


class Source(External):
    """Where manifests come from."""

    target_revision: str = Field(default="", alias="targetRevision")


class Automated(External):
    """Automated sync; there since 3.1, `enabled: false` switches it off."""

    enabled: bool = True
    self_heal: bool = Field(default=False, alias="selfHeal")


class SyncPolicy(External):
    """When Argo CD syncs by itself."""

    automated: Automated | None = None


class Destination(External):
    """Where it is deployed."""

    namespace: str | None = None


class Metadata(External):
    """Of the Application object."""

    name: str
    namespace: str = ""
    uid: str = ""


class Spec(External):
    """What is wanted."""

    project: str = "default"
    source: Source | None = None
    sources: tuple[Source, ...] = ()
    destination: Destination = Destination()
    sync_policy: SyncPolicy = Field(default=SyncPolicy(), alias="syncPolicy")


class History(External):
    """A deployment that succeeded."""

    id: int = 0
    revision: str = ""
    revisions: tuple[str, ...] = ()
    deployed_at: Timestamp | None = Field(default=None, alias="deployedAt")

    @property
    def deployed(self) -> str:
        """The revision; of the first source, for an application with several."""
        return self.revision or next(iter(self.revisions), "")


class Health(External):
    """A health status."""

    status: str = ""
    message: str = ""


class SyncStatus(External):
    """How live state compares to `revision`."""

    status: str = "Unknown"
    revision: str = ""
    revisions: tuple[str, ...] = ()


class Info(External):
    """A remark on an operation."""

    name: str = ""
    value: str = ""


class SyncRequest(External):
    """What an operation was asked to do."""

    revision: str = ""


class Operation(External):
    """An operation as it was asked for."""

    sync: SyncRequest | None = None
    info: tuple[Info, ...] | None = None

    @property
    def change_id(self) -> str | None:
        """The id of the change that asked for it, if it was one of ours."""
        return next((item.value for item in self.info or () if item.name == CHANGE_KEY), None)

    @property
    def revision(self) -> str:
        """The revision it was asked to deploy."""
        return self.sync.revision if self.sync else ""


class ResourceResult(External):
    """What a sync did with one object."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    message: str = ""


class SyncResult(External):
    """What a sync did."""

    revision: str = ""
    resources: tuple[ResourceResult, ...] | None = None


class RawOperationState(External):
    """The operation that runs or ran last."""

    operation: Operation = Operation()
    phase: str = ""
    message: str = ""
    sync_result: SyncResult | None = Field(default=None, alias="syncResult")
    started_at: Timestamp | None = Field(default=None, alias="startedAt")
    finished_at: Timestamp | None = Field(default=None, alias="finishedAt")

    @property
    def revision(self) -> str:
        """The revision it deploys."""
        return (self.sync_result.revision if self.sync_result else "") or self.operation.revision

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.phase in {"Running", "Terminating"}


class RawResource(External):
    """A tracked object."""

    kind: str
    namespace: str = ""
    name: str
    status: str = ""
    health: Health | None = None


class RawCondition(External):
    """Something wrong with the application itself."""

    type: str
    message: str = ""


class Summary(External):
    """What it consists of."""

    images: tuple[str, ...] | None = None


class Status(External):
    """What is."""

    sync: SyncStatus = SyncStatus()
    health: Health = Health()
    history: tuple[History, ...] | None = None
    operation_state: RawOperationState | None = Field(default=None, alias="operationState")
    resources: tuple[RawResource, ...] | None = None
    conditions: tuple[RawCondition, ...] | None = None
    summary: Summary = Summary()


class Application(External):
    """An application as the API gives it."""

    metadata: Metadata
    spec: Spec = Spec()
    status: Status = Status()
    operation: Operation | None = None
    """An operation that was asked for and not picked up yet."""

    @property
    def history(self) -> tuple[History, ...]:
        """Oldest first."""
        return tuple(sorted(self.status.history or (), key=lambda entry: entry.id))

    @property
    def last_history_id(self) -> int:
        """Id of the last deployment."""
        return self.history[-1].id if self.history else NO_HISTORY

    @property
    def deployed_revision(self) -> str:
        """What was deployed last. (`status.sync.revision` is what live state is compared to.)"""
        return self.history[-1].deployed if self.history else ""

    @property
    def target_revision(self) -> str:
        """The branch, tag or commit it follows; `HEAD` where none is given."""
        sources = (self.spec.source, *self.spec.sources) if self.spec.source else self.spec.sources
        return next((source.target_revision for source in sources if source and source.target_revision), "HEAD")

    @property
    def target_commit(self) -> str:
        """What the target revision stood for when live state was last compared to it; of the first source."""
        return self.status.sync.revision or next(iter(self.status.sync.revisions), "")

    @property
    def auto_sync(self) -> bool:
        """Whether Argo CD syncs it by itself."""
        automated = self.spec.sync_policy.automated
        return automated is not None and automated.enabled


class Applications(External):
    """A list of applications; `items` is null when there are none."""

    items: tuple[Application, ...] | None = None


class RawNode(External):
    """A node of the resource tree."""

    kind: str
    namespace: str = ""
    name: str
    parents: tuple["NodeRef", ...] = Field(default=(), alias="parentRefs")
    health: Health | None = None
    images: tuple[str, ...] = ()
    created_at: Timestamp | None = Field(default=None, alias="createdAt")


class NodeRef(External):
    """A node, named."""

    kind: str
    name: str


class Tree(External):
    """The resource tree."""

    nodes: tuple[RawNode, ...] | None = None


class ManagedResource(External):
    """A tracked object, live and wanted, as JSON in strings; empty or `null` where there is none."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    live_state: str = Field(default="", alias="liveState")
    target_state: str = Field(default="", alias="targetState")
    normalized_live_state: str = Field(default="", alias="normalizedLiveState")
    predicted_live_state: str = Field(default="", alias="predictedLiveState")
    hook: bool = False


class ManagedResources(External):
    """All tracked objects."""

    items: tuple[ManagedResource, ...] | None = None


class Manifests(External):
    """What Git says at a revision, one JSON string an object."""

    manifests: tuple[str, ...] | None = None
    revision: str = ""


class RawRevision(External):
    """Metadata of a commit."""

    author: str = ""
    date: Timestamp | None = None
    message: str = ""
    tags: tuple[str, ...] | None = None


class User(External):
    """Who a token belongs to; nobody where the token is not known."""

    logged_in: bool = Field(default=False, alias="loggedIn")


class CanI(External):
    """Whether an account may do something: `yes` or `no`."""

    value: str = "no"


APPLICATION: TypeAdapter[Application] = TypeAdapter(Application)
APPLICATIONS: TypeAdapter[Applications] = TypeAdapter(Applications)
TREE: TypeAdapter[Tree] = TypeAdapter(Tree)
MANAGED: TypeAdapter[ManagedResources] = TypeAdapter(ManagedResources)
MANIFESTS: TypeAdapter[Manifests] = TypeAdapter(Manifests)
REVISION: TypeAdapter[RawRevision] = TypeAdapter(RawRevision)
USER: TypeAdapter[User] = TypeAdapter(User)
CAN_I: TypeAdapter[CanI] = TypeAdapter(CanI)
