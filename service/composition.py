"""The composition root: every part, put together from the settings, in one place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.analysis import Sources
from agent.answers import Answerer
from agent.planner import Planner, PlannerOptions
from agent.recheck import Rechecker
from knowledge.library import Knowledge
from service.api.services import Probe, Services
from service.auth import Authenticator
from service.feed import Feed
from service.housekeeping import Housekeeper
from service.inbox import PACE, Drainer, Inbox
from service.library import open_knowledge
from service.lost import LostIncidents
from service.metrics import Metrics
from service.refusals import RefusedAttempts
from service.settings import Settings
from service.site_files import SiteFiles, load_site_files
from service.store.artifacts import ArtifactStore
from service.store.audit import AuditLog
from service.store.backlog import BacklogStore
from service.store.database import Database
from service.store.facts import Facts
from service.store.mail import MailStore
from service.store.tokens import TokenStore
from service.temporal import TemporalEngine
from service.upstreams import Upstreams, open_upstreams
from tools.artifacts import Artifacts
from workflows.activities.backlog import BacklogActivities
from workflows.activities.changes import ApplicationChanges, WorkloadChanges
from workflows.activities.holding import Holding
from workflows.activities.paging import Paging
from workflows.activities.preparation import Preparation
from workflows.activities.records import Records
from workflows.activities.settling import Settling
from workflows.activities.verification import Verification
from workflows.messages import TriageOptions
from workflows.ports import Incidents


@dataclass(frozen=True)
class Composition:
    """Everything a process may run. Building it opens no connection."""

    settings: Settings
    database: Database
    facts: Facts
    upstreams: Upstreams
    knowledge: Knowledge
    planner: Planner
    engine: TemporalEngine
    inbox: Inbox
    drainer: Drainer
    housekeeper: Housekeeper
    lost: LostIncidents
    api: Services
    activities: Sequence[Callable[..., object]]

    async def close(self) -> None:
        """Close connections, in reverse order of use."""
        await self.api.refusals.flush()
        await self.planner.close()
        await self.knowledge.close()
        await self.upstreams.close()
        await self.database.close()


def compose(settings: Settings, temporal_address: str) -> Composition:
    """Put the service together. Raises `Misconfigured` for settings that cannot work."""
    site = load_site_files(settings)
    database = Database(settings.database.url.get_secret_value())
    facts, artifacts, backlog = Facts(database), ArtifactStore(database), BacklogStore(database)
    upstreams = open_upstreams(settings, artifacts)
    sources = open_sources(site, upstreams, artifacts)
    knowledge = open_knowledge(settings, database)
    planner = Planner(sources, knowledge, planner_options(settings), site.policy, site.objectives)
    engine = TemporalEngine(temporal_address, settings.temporal.namespace, _triage_options(settings))
    mail = MailStore(database)
    inbox = Inbox(mail)
    probes: dict[str, Probe | None] = {
        "database": database.ready,
        "temporal": engine.ready,
        "worker": engine.worked,
        **upstreams.probes,
    }
    drainer = Drainer(mail, engine, inbox.news, pace=PACE)
    api = _api(settings, database, facts, mail, inbox, engine, planner, probes)
    api.metrics.watch_failing_groups(lambda: drainer.failing)
    return Composition(
        settings=settings,
        database=database,
        facts=facts,
        upstreams=upstreams,
        knowledge=knowledge,
        planner=planner,
        engine=engine,
        inbox=inbox,
        drainer=drainer,
        housekeeper=Housekeeper(settings.retention, facts, artifacts, AuditLog(database)),
        lost=LostIncidents(facts, engine),
        api=api,
        activities=_activities(settings, upstreams, sources, knowledge, backlog, facts, site),
    )


def open_sources(site: SiteFiles, upstreams: Upstreams, artifacts: Artifacts) -> Sources:
    """What an investigation reads, of the configured systems."""
    return Sources(
        signals=site.signals,
        artifacts=artifacts,
        kubernetes=upstreams.kubernetes,
        prometheus=upstreams.prometheus,
        alertmanager=upstreams.alertmanager,
        tempo=upstreams.tempo,
        argocd=upstreams.argocd,
    )


def open_preparation(settings: Settings, site: SiteFiles, upstreams: Upstreams, incidents: Incidents) -> Preparation:
    """What makes a plan of a draft, over the configured systems."""
    return Preparation(
        site.policy,
        holding=Holding(
            incidents=incidents,
            objectives=site.objectives,
            signals=site.signals,
            window=settings.verification.window,
            prometheus=upstreams.prometheus,
            alertmanager=upstreams.alertmanager,
        ),
        kubernetes=upstreams.kubernetes,
        kubernetes_preview=upstreams.kubernetes_preview,
        argocd=upstreams.argocd,
        argocd_preview=upstreams.argocd_preview,
    )


def planner_options(settings: Settings) -> PlannerOptions:
    """Which model investigates, and what it may spend."""
    group = settings.planner
    return PlannerOptions(
        model=group.model,
        base_url=group.base_url,
        api_key=group.api_key,
        max_tool_calls=group.max_tool_calls,
        max_tokens=group.max_tokens,
        request_timeout=group.request_timeout,
    )


def _triage_options(settings: Settings) -> TriageOptions:
    return TriageOptions(
        group_wait=timedelta(seconds=settings.correlation.wait),
        reopen_window=timedelta(seconds=settings.correlation.reopen_window),
        quiet_period=timedelta(seconds=settings.correlation.quiet_period),
        soak=timedelta(seconds=settings.verification.soak),
        verification_timeout=timedelta(seconds=settings.verification.timeout),
        verification_interval=timedelta(seconds=settings.verification.interval),
    )


def _api(
    settings: Settings,
    database: Database,
    facts: Facts,
    mail: MailStore,
    inbox: Inbox,
    engine: TemporalEngine,
    planner: Planner,
    probes: dict[str, Probe | None],
) -> Services:
    tokens, audit = TokenStore(database), AuditLog(database)
    metrics, feed = Metrics(), Feed()
    facts.subscribe(metrics.appended)
    facts.subscribe(feed.appended)
    return Services(
        settings=settings.api,
        facts=facts,
        mail=mail,
        inbox=inbox,
        tokens=tokens,
        audit=audit,
        refusals=RefusedAttempts(audit),
        authenticator=Authenticator(tokens, settings.api.bootstrap_token),
        engine=engine,
        answerer=Answerer(planner),
        metrics=metrics,
        feed=feed,
        probes=probes,
    )


def _activities(
    settings: Settings,
    upstreams: Upstreams,
    sources: Sources,
    knowledge: Knowledge,
    backlog: BacklogStore,
    facts: Facts,
    site: SiteFiles,
) -> Sequence[Callable[..., object]]:
    records = Records(facts)
    learning = BacklogActivities(knowledge, backlog, Rechecker(sources, site.objectives, site.policy), facts)
    preparation = open_preparation(settings, site, upstreams, facts)
    workloads = WorkloadChanges(upstreams.kubernetes_writer)
    applications = ApplicationChanges(upstreams.argocd_writer)
    verification = Verification(
        signals=sources.signals,
        window=settings.verification.window,
        store=facts,
        prometheus=upstreams.prometheus,
        alertmanager=upstreams.alertmanager,
        kubernetes=upstreams.kubernetes,
        argocd=upstreams.argocd,
    )
    return (
        *(records.append, records.related),
        *(learning.lookup, learning.recheck, learning.document),
        preparation.prepare,
        *(workloads.restart, workloads.scale, workloads.undo),
        *(applications.sync, applications.rollback),
        Settling(upstreams.kubernetes, upstreams.argocd).settle,
        verification.check,
        Paging(upstreams.pager).page,
    )
