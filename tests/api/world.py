"""The API over a real database, with fakes at its two ports: the engine and the answerer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import SecretStr

from domain import facts as happened
from domain.approvals import Approval, Decision
from domain.errors import InvalidPlan, NotFound, UpstreamUnavailable
from domain.evidence import Claim, Evidence
from domain.facts import FINAL
from domain.learning import Match
from domain.model import Model
from domain.plans import Plan, PlannedAction
from domain.policy import ApprovalRule, Role
from service.api import Services
from service.auth import Authenticator, Identity, TokenRequest, create_token
from service.engine import AlertBatch, DecisionReceipt
from service.feed import Feed
from service.inbox import Drainer, Inbox
from service.metrics import Metrics
from service.refusals import RefusedAttempts
from service.scopes import SCOPES, Scope
from service.setting_groups import ApiSettings
from service.store.audit import AuditLog
from service.store.database import Database
from service.store.facts import Facts
from service.store.mail import MailStore
from service.store.tokens import TokenStore
from tests.service.builders import OPENED, diagnosis, evidence, proposed

REJECTED_REASON = "rejected by a reviewer"


@dataclass
class FakeEngine:
    """Keeps delivered batches; decides by the domain's own rules and emits the facts a workflow would."""

    facts: Facts
    quorum: int = 1
    down: bool = False
    batches: list[AlertBatch] = field(default_factory=list[AlertBatch])
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    gates: dict[str, Approval] = field(default_factory=dict[str, Approval])

    async def ready(self) -> None:
        """As `Engine.ready`."""
        self._answer()

    async def deliver(self, batch: AlertBatch) -> None:
        """As `Engine.deliver`; a batch delivered twice counts once."""
        self._answer()
        if batch.batch_id not in {known.batch_id for known in self.batches}:
            self.batches.append(batch)
        async with self.arrived:
            self.arrived.notify_all()

    async def has(self, alerts: int) -> None:
        """Return once that many alerts were delivered."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: sum(len(batch.alerts) for batch in self.batches) >= alerts)

    async def decide(self, incident_id: str, decision: Decision) -> DecisionReceipt:
        """As `Engine.decide`."""
        self._answer()
        incident = await self.facts.incident(incident_id)
        if incident.status in FINAL or incident.plan is None:
            raise NotFound(f"no open incident {incident_id}")
        if decision.kind in {"escalate", "cancel"}:
            return await self._close(decision, incident.plan)
        gate = self.gates.get(incident_id) or Approval(plan=incident.plan, rule=ApprovalRule(quorum=self.quorum))
        gate = self.gates[incident_id] = gate.recorded(decision)
        if decision.kind == "modify":
            return await self._modify(gate, decision)
        return await self._record(gate, decision)

    def _answer(self) -> None:
        if self.down:
            raise UpstreamUnavailable("temporal", "connection refused")

    async def _record(self, gate: Approval, decision: Decision) -> DecisionReceipt:
        await self.facts.append([self._recorded(gate.plan, decision, gate.outcome)])
        if gate.outcome == "rejected":
            await self.facts.append([self._closed(gate.plan, "rejected", REJECTED_REASON)])
        return self._receipt(gate, gate.outcome)

    async def _modify(self, gate: Approval, decision: Decision) -> DecisionReceipt:
        draft = decision.draft
        assert draft
        if len(draft.actions) > len(gate.plan.actions):
            raise InvalidPlan(("this engine only ever removes or changes actions",))
        pairs = zip(draft.actions, gate.plan.actions, strict=False)
        actions = tuple(
            PlannedAction.model_validate(old.model_dump() | {"action": action.model_dump()}) for action, old in pairs
        )
        changed = gate.plan.model_copy(update={"actions": actions, "version": gate.plan.version + 1})
        self.gates[changed.incident_id] = Approval(
            plan=changed, rule=gate.rule, authors=(*gate.authors, decision.actor.name)
        )
        voided = happened.PlanVoided(
            id=f"{changed.incident_id}/voided/{gate.plan.version}",
            incident_id=changed.incident_id,
            at=OPENED,
            digest=gate.plan.digest,
            reason="modified",
        )
        await self.facts.append([self._recorded(gate.plan, decision, "modified"), voided, proposed(changed)])
        return self._receipt(self.gates[changed.incident_id], "pending")

    async def _close(self, decision: Decision, plan: Plan) -> DecisionReceipt:
        status: Literal["escalated", "cancelled"] = "escalated" if decision.kind == "escalate" else "cancelled"
        await self.facts.append([self._recorded(plan, decision, status), self._closed(plan, status, decision.reason)])
        return DecisionReceipt(
            incident_id=plan.incident_id, outcome=status, plan_digest=plan.digest, approvals=0, quorum=self.quorum
        )

    def _recorded(self, plan: Plan, decision: Decision, outcome: str) -> happened.DecisionRecorded:
        return happened.DecisionRecorded(
            id=f"{plan.incident_id}/decision/{decision.id}",
            incident_id=plan.incident_id,
            at=decision.at,
            decision=decision,
            outcome=outcome,
        )

    def _closed(self, plan: Plan, status: happened.IncidentStatus, reason: str) -> happened.IncidentClosed:
        return happened.IncidentClosed(
            id=f"{plan.incident_id}/closed", incident_id=plan.incident_id, at=OPENED, status=status, reason=reason
        )

    def _receipt(self, gate: Approval, outcome: str) -> DecisionReceipt:
        return DecisionReceipt(
            incident_id=gate.plan.incident_id,
            outcome=outcome,
            plan_digest=gate.plan.digest,
            approvals=len(gate.approvers),
            quorum=gate.rule.quorum,
        )


class FakeAnswer(Model):
    """An answer with one cited claim."""

    answer: str
    claims: tuple[Claim, ...]
    evidence: tuple[Evidence, ...]
    matches: tuple[Match, ...]
    sufficient: bool


class FakeEvent(Model):
    """A step, or the answer."""

    type: str
    answer: FakeAnswer | None = None


class FakeAnswerer:
    """Knows one thing about checkout, and nothing else."""

    async def answer(self, question: str, namespace: str | None, at: datetime) -> FakeAnswer:
        """As `Answerer.answer`."""
        if "explode" in question:
            raise UpstreamUnavailable("prometheus", "connection refused")
        if "checkout" not in question:
            return FakeAnswer(answer="insufficient evidence", claims=(), evidence=(), matches=(), sufficient=False)
        claims = diagnosis().causes[0].claims
        return FakeAnswer(answer=claims[0].text, claims=claims, evidence=(evidence(),), matches=(), sufficient=True)

    async def stream(self, question: str, namespace: str | None, at: datetime) -> AsyncIterator[FakeEvent]:
        """As `Answerer.stream`."""
        yield FakeEvent(type="step")
        yield FakeEvent(type="answer", answer=await self.answer(question, namespace, at))


BOOTSTRAP = "bootstrap-token-for-tests"


@dataclass
class World:
    """The API, its stores, the fake engine, and what delivers to it."""

    services: Services
    engine: FakeEngine
    drainer: Drainer

    async def as_(self, name: str, *scopes: Scope, roles: tuple[Role, ...] = ()) -> dict[str, str]:
        """Headers of a new identity."""
        wanted = TokenRequest(name=name, scopes=scopes or SCOPES, roles=roles)
        admin = Identity(name="bootstrap", scopes=SCOPES, roles=("admin",))
        _, secret = await create_token(self.services.tokens, wanted, admin)
        return {"Authorization": f"Bearer {secret}"}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """The tasks that commit and deliver."""
        tasks = [asyncio.create_task(self.services.inbox.run()), asyncio.create_task(self.drainer.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def assemble(database: Database, **changes: Any) -> World:
    """A world over `database`; `changes` are API settings."""
    settings = ApiSettings(bootstrap_token=SecretStr(BOOTSTRAP), **changes)
    facts, mail, tokens, audit = Facts(database), MailStore(database), TokenStore(database), AuditLog(database)
    engine, inbox, metrics, feed = FakeEngine(facts), Inbox(mail), Metrics(), Feed()
    for listener in (metrics.appended, feed.appended):
        facts.subscribe(listener)
    services = Services(
        settings=settings,
        facts=facts,
        mail=mail,
        inbox=inbox,
        tokens=tokens,
        audit=audit,
        refusals=RefusedAttempts(audit),
        authenticator=Authenticator(tokens, settings.bootstrap_token),
        engine=engine,
        answerer=FakeAnswerer(),
        metrics=metrics,
        feed=feed,
        probes={"database": database.ready, "temporal": engine.ready, "tempo": None},
    )
    return World(services, engine, Drainer(mail, engine, inbox.news))
