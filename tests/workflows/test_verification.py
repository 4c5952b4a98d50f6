"""Reading checks, over fakes of the systems that are asked."""

from collections.abc import Sequence

import httpx
import pytest

from domain.actions import RollbackApplication, SyncApplication
from domain.alerts import Alert
from domain.checks import AlertsClearedCheck, ApplicationCheck, Check, CheckResult
from domain.plans import Plan
from tests.domain.factories import alert, plan
from tests.service.builders import opened, proposed
from tests.workflows.world import SIGNALS, Alertmanager, MemoryFacts
from tools.argocd.read import ArgoReader
from tools.artifacts import MemoryArtifacts
from tools.http import Upstream
from workflows.activities.verification import CheckInput, Verification

ALERT, RESOLVED, OTHER = alert(), alert(status="resolved"), alert(pod="p-2")
OLD, NEW = "a" * 40, "b" * 40
SYNC = SyncApplication(application="shop", revision=OLD)
ROLLBACK = RollbackApplication(application="shop", history_id=1, revision=OLD)


async def looked(
    check: Check,
    *,
    alerts: Sequence[Alert] = (ALERT,),
    reviewed: Plan | None = None,
    alertmanager: Alertmanager | None = None,
    argocd: ArgoReader | None = None,
) -> CheckResult:
    """The check's result in an incident with these alerts, and this plan under review."""
    facts = MemoryFacts()
    await facts.append([opened("inc-1", alerts=tuple(alerts)), *([proposed(reviewed)] if reviewed else [])])
    verification = Verification(
        signals=SIGNALS,
        window="1m",
        store=facts,
        prometheus=None,
        alertmanager=alertmanager,
        kubernetes=None,
        argocd=argocd,
    )
    (result,) = (await verification.check(CheckInput(incident_id="inc-1", checks=(check,)))).results
    return result


@pytest.mark.parametrize(
    ("listed", "firing", "alerts", "passed"),
    [
        ((ALERT.fingerprint,), [ALERT], [ALERT], False),
        ((ALERT.fingerprint,), [OTHER], [ALERT], True),
        ((), [], [ALERT], False),
        ((), [], [RESOLVED], True),
    ],
    ids=["still listed", "no longer listed", "never listed", "resolved"],
)
async def test_only_an_alert_that_was_listed_clears_by_being_listed_no_more(
    listed: tuple[str, ...], firing: list[Alert], alerts: list[Alert], passed: bool
):
    """Another sender's alert still fires however little Alertmanager knows of it, until that sender says resolved."""
    check = AlertsClearedCheck(fingerprints=(ALERT.fingerprint,), listed=listed)
    result = await looked(check, alerts=alerts, alertmanager=Alertmanager(lambda: firing))
    assert result.passed is passed
    assert ("until the sender says resolved" in result.observed) == (not listed and not passed)


async def test_alerts_that_cannot_be_read_have_not_cleared():
    """Alertmanager is away: nobody knows."""
    check = AlertsClearedCheck(fingerprints=(ALERT.fingerprint,), listed=(ALERT.fingerprint,))
    result = await looked(check, alertmanager=Alertmanager(list, down=True))
    assert result.passed is None


def application(status: str, compared: str) -> ArgoReader:
    """One that runs `OLD`, healthy after its last operation, beside Git at `compared`."""
    document = {
        "metadata": {"name": "shop", "uid": "u"},
        "status": {
            "sync": {"status": status, "revision": compared},
            "health": {"status": "Healthy"},
            "history": [{"id": 1, "revision": OLD}],
            "operationState": {"phase": "Succeeded"},
        },
    }
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=document))
    return ArgoReader(Upstream("argocd", "http://argocd.test", artifacts=MemoryArtifacts(), transport=transport))


@pytest.mark.parametrize(
    ("action", "status", "compared", "passed"),
    [
        (SYNC, "Synced", OLD, True),
        (SYNC, "OutOfSync", OLD, False),
        (SYNC, "Unknown", "", False),
        (SYNC, "OutOfSync", NEW, True),
        (ROLLBACK, "OutOfSync", NEW, True),
        (ROLLBACK, "OutOfSync", OLD, True),
    ],
    ids=["synced", "not synced", "not compared", "Git moved on", "rolled back", "rolled back to the same commit"],
)
async def test_a_sync_must_have_brought_what_git_says(
    action: SyncApplication | RollbackApplication, status: str, compared: str, passed: bool
):
    """A healthy application that still differs was not mended by its sync; a rollback is meant to differ."""
    result = await looked(
        ApplicationCheck(application="shop"), reviewed=plan(action), argocd=application(status, compared)
    )
    assert result.passed is passed
    assert status in result.observed
