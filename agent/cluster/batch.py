"""Jobs and what starts them."""

from datetime import datetime, timedelta

from pydantic import Field

from agent.cluster.objects import Condition, KubernetesModel, KubernetesObject


class JobSpec(KubernetesModel):
    """When Kubernetes gives a Job up."""

    active_deadline_seconds: int | None = None
    backoff_limit: int = 6
    suspend: bool = False


class JobStatus(KubernetesModel):
    """How far a Job is."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()


class Job(KubernetesObject):
    """A Job."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if it holds."""
        return next((item for item in self.status.conditions if item.type == kind and item.status == "True"), None)

    @property
    def running(self) -> bool:
        """Whether it has begun and neither finished nor failed."""
        return self.status.active > 0 and not self.condition("Complete") and not self.condition("Failed")

    @property
    def took(self) -> timedelta | None:
        """How long it ran; None unless it completed."""
        began, ended = self.status.start_time, self.status.completion_time
        return ended - began if began and ended else None

    @property
    def cron_job(self) -> str:
        """The CronJob that made it, empty for none."""
        return next((owner.name for owner in self.metadata.owner_references if owner.kind == "CronJob"), "")


class CronJobSpec(KubernetesModel):
    """When it starts a Job, and whether beside one that still runs."""

    schedule: str = ""
    concurrency_policy: str = "Allow"
    suspend: bool = False


class ActiveJob(KubernetesModel):
    """A Job that a CronJob has running."""

    name: str = ""


class CronJobStatus(KubernetesModel):
    """When it last started one."""

    active: tuple[ActiveJob, ...] = ()
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class CronJob(KubernetesObject):
    """A CronJob."""

    spec: CronJobSpec = Field(default=CronJobSpec())
    status: CronJobStatus = Field(default=CronJobStatus())
