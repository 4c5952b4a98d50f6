"""The SDK's workflow sandbox, without what it costs to ask it for contexts that nobody uses."""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info


class Sandbox(SandboxedWorkflowRunner):
    """`SandboxedWorkflowRunner`, entered for workflow code alone.

    The SDK's own also enters it twice or more for every payload, to ask which workflow or activity the payload belongs
    to. Only converters and codecs that keep a key or a store for each of them want to know; ours is the same for all.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """One run of a workflow, in a sandbox of its own."""
        return _ContextFree(super().create_instance(det), det.info)


class _ContextFree(WorkflowInstance):
    def __init__(self, inner: WorkflowInstance, info: Info) -> None:
        self._inner = inner
        self._info = info

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._inner.activate(act)

    def get_serialization_context(self, command_info: object) -> None:
        del command_info

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        del command_info
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._info

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()
