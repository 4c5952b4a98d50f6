"""What a prepared plan is held to, over fakes of the systems that are asked."""

from datetime import UTC, datetime

import pytest

from domain.checks import AlertsClearedCheck, Check, RolloutCheck, SignalCheck
from domain.objectives import DEFAULTS, Objective, Objectives, ServiceObjectives
from domain.plans import PlanDraft
from domain.policy import Policy
from tests.domain.factories import CHECKOUT, alert, plan
from tests.service.builders import opened
from tests.workflows.world import INVENTORY, SIGNALS, Alertmanager, Cluster, MemoryFacts, Signals
from workflows.activities.holding import Holding
from workflows.activities.preparation import Preparation, Prepared, PrepareInput

ALERT, OTHER = alert(), alert(pod="p-2")
NOW = datetime(2026, 1, 10, 9, tzinfo=UTC)
DEFAULT = Objectives().checks("shop", "checkout")
ASKED = SignalCheck(signal="error_ratio", namespace="shop", service="checkout", comparison="<=", threshold=0.5)


async def prepared(
    signals: Signals | None,
    objectives: Objectives,
    *checks: Check,
    rationale: str = "why",
    alertmanager: Alertmanager | None = None,
) -> Prepared:
    """The plan that a draft with these checks becomes, in an incident of which `ALERT` is the one alert."""
    facts, cluster = MemoryFacts(), Cluster()
    await facts.append([opened(alerts=(ALERT,))])
    holding = Holding(
        incidents=facts,
        objectives=objectives,
        signals=SIGNALS,
        window="1m",
        prometheus=signals,
        alertmanager=alertmanager,
    )
    preparation = Preparation(
        Policy(), holding=holding, kubernetes=cluster, kubernetes_preview=cluster, argocd=None, argocd_preview=None
    )
    draft = PlanDraft(actions=plan().draft.actions, checks=checks, rationale=rationale)
    request = PrepareInput(
        incident_id="i-1",
        version=1,
        draft=draft,
        inventory=INVENTORY,
        evidence_digests=(),
        proposed_by="offline",
        at=NOW,
    )
    return await preparation.prepare(request)


def signal_checks(result: Prepared) -> tuple[Check, ...]:
    return tuple(check for check in result.plan.checks if isinstance(check, SignalCheck))


def silent(*, earlier: float | None = None, down: bool = False) -> Signals:
    signals = Signals()
    signals.value, signals.earlier, signals.down = None, earlier, down
    return signals


@pytest.mark.parametrize("signals", [None, silent()], ids=["no Prometheus", "no series"])
async def test_a_workload_without_metrics_is_not_held_to_default_objectives(signals: Signals | None):
    """A good fix would be undone for want of a number. The reviewer reads what is left out, and why."""
    result = await prepared(signals, Objectives(), *DEFAULT)
    assert signal_checks(result) == ()
    assert RolloutCheck(workload=CHECKOUT) in result.plan.checks
    assert result.plan.rationale.startswith("why Not held to error_ratio of checkout <= 0.02: ")
    assert "latency_p95 of checkout <= 0.5" in result.plan.rationale
    assert result.plan.draft.rationale == result.plan.rationale


@pytest.mark.parametrize("signals", [Signals(), silent(earlier=0.4), silent(down=True)], ids=["now", "earlier", "down"])
async def test_what_is_measured_or_cannot_be_read_stays(signals: Signals):
    """A value now or within the hour, or nobody knows: then the check says so when the plan is verified."""
    result = await prepared(signals, Objectives(), *DEFAULT)
    assert signal_checks(result) == DEFAULT
    assert result.plan.rationale == "why"


@pytest.mark.parametrize("signals", [None, silent()], ids=["no Prometheus", "no series"])
async def test_what_somebody_asked_for_stays(signals: Signals | None):
    """Objectives that a site gives, also where they are the defaults' own, and checks with other bounds."""
    site = Objectives(services=(ServiceObjectives(objectives=DEFAULTS.objectives),))
    assert signal_checks(await prepared(signals, site, *DEFAULT)) == DEFAULT
    elsewhere = Objectives(
        services=(ServiceObjectives(service="cart", objectives=(Objective(signal="x", threshold=1),)),)
    )
    assert signal_checks(await prepared(signals, elsewhere, *DEFAULT, ASKED)) == (ASKED,)


async def test_long_reasons_leave_room_for_what_is_left_out():
    """What the plan is not held to is never what is cut."""
    result = await prepared(None, Objectives(), *DEFAULT, rationale="w" * 2000)
    assert result.plan.rationale.endswith("latency_p95 of checkout <= 0.5: Prometheus is not configured.")
    assert len(result.plan.rationale) == 2000


@pytest.mark.parametrize(
    ("alertmanager", "listed"),
    [
        (Alertmanager(lambda: [OTHER, ALERT]), (ALERT.fingerprint,)),
        (Alertmanager(lambda: [OTHER]), ()),
        (Alertmanager(lambda: [ALERT], down=True), ()),
        (None, ()),
    ],
    ids=["listed", "another's", "down", "no Alertmanager"],
)
async def test_a_plan_says_which_alerts_alertmanager_lists(alertmanager: Alertmanager | None, listed: tuple[str, ...]):
    """By their labels where their sender gives no fingerprint; what a reviewer posts as listed is not believed."""
    posted = AlertsClearedCheck(fingerprints=("posted",), listed=("posted",))
    result = await prepared(None, Objectives(), posted, alertmanager=alertmanager)
    cleared = AlertsClearedCheck(fingerprints=("posted", ALERT.fingerprint), listed=listed)
    assert result.plan.checks[-1] == cleared
