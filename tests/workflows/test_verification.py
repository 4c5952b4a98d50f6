"""Reading checks, over fakes of the systems that are asked."""

from collections.abc import Sequence

import pytest

from domain.alerts import Alert
from domain.checks import AlertsClearedCheck, Check, CheckResult
from tests.domain.factories import alert
from tests.service.builders import opened
from tests.workflows.world import SIGNALS, Alertmanager, MemoryFacts
from tools.argocd.read import ArgoReader
from workflows.activities.verification import CheckInput, Verification

ALERT, RESOLVED, OTHER = alert(), alert(status="resolved"), alert(pod="p-2")


async def looked(
    check: Check,
    *,
    alerts: Sequence[Alert] = (ALERT,),
    alertmanager: Alertmanager | None = None,
    argocd: ArgoReader | None = None,
) -> CheckResult:
    """The check's result in an incident with these alerts."""
    facts = MemoryFacts()
    await facts.append([opened(alerts=tuple(alerts))])
    verification = Verification(
        signals=SIGNALS,
        window="1m",
        store=facts,
        prometheus=None,
        alertmanager=alertmanager,
        kubernetes=None,
        argocd=argocd,
    )
    (result,) = (await verification.check(CheckInput(incident_id="i-1", checks=(check,)))).results
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
