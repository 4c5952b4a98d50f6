import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.alerts import Alert, AlertGroup, Webhook, merge_alerts
from tests.domain.factories import NOW, alert

alerts = st.builds(
    alert,
    name=st.sampled_from(["A", "B", "C"]),
    minutes=st.integers(0, 3),
    status=st.sampled_from(["firing", "resolved"]),
)


def test_a_resolved_notice_that_overtakes_the_firing_one_is_final():
    """Out of order delivery of one episode ends as resolved."""
    merged = merge_alerts((), (alert(status="resolved"), alert(status="firing")))
    assert [item.status for item in merged] == ["resolved"]


def test_a_new_start_supersedes_an_old_resolution():
    """A re-fired alert has a later start and counts."""
    merged = merge_alerts((alert(status="resolved"),), (alert(minutes=5, status="firing"),))
    assert [item.status for item in merged] == ["firing"]


def test_firing_anew_with_the_same_start_supersedes_the_resolution():
    """It is another episode; a late word on the one before changes nothing."""
    anew = alert().model_copy(update={"refired": 1})
    merged = merge_alerts((alert(status="resolved"),), (anew, alert(status="resolved"), alert()))
    assert merged == (anew,)
    assert len({anew.episode, alert().episode}) == 2


def test_how_often_it_fired_anew_is_not_the_sender_s_to_say():
    """A webhook that brings the count is read without it."""
    body = {"version": "4", "groupKey": "g", "status": "firing", "alerts": [alert().model_dump(by_alias=True)]}
    body["alerts"][0]["refired"] = 3
    assert Webhook.model_validate(body).alerts[0].refired == 0


@given(st.lists(alerts), st.randoms())
def test_the_order_and_number_of_deliveries_do_not_matter(deliveries, random):
    """Any shuffle, with repeats, leads to the same state."""
    shuffled = [*deliveries, *deliveries]
    random.shuffle(shuffled)
    one = {a.fingerprint: (a.starts_at, a.status) for a in merge_alerts((), tuple(deliveries))}
    two = {a.fingerprint: (a.starts_at, a.status) for a in merge_alerts((), tuple(shuffled))}
    assert one == two


def test_a_group_holds_as_many_alerts_as_a_workflow_can_be_told():
    """What fires is kept before what does not, the worst first; in the order of their first appearance."""
    text = {"description": "x" * 4000}
    many = [
        alert(name=f"A{n}", status="resolved" if n % 2 else "firing", severity="critical" if n >= 380 else "info")
        for n in range(400)
    ]
    merged = merge_alerts((), tuple(one.model_copy(update={"annotations": text}) for one in many))
    names = [one.name for one in merged]
    assert 90 < len(merged) < 120
    assert {one.status for one in merged} == {"firing"}
    assert names == sorted(names, key=lambda name: int(name[1:]))
    assert names[-10:] == [f"A{n}" for n in range(380, 400, 2)]


def test_an_alert_without_a_fingerprint_gets_one_from_its_labels():
    """Equal labels are the same alert, whoever sent them."""
    assert alert().fingerprint == alert(minutes=7).fingerprint
    assert alert().fingerprint != alert("Other").fingerprint


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": "3"}, "version"),
        ({"groupKey": ""}, "groupKey"),
        ({"alerts": []}, "alerts"),
        ({"alerts": [{"status": "firing", "labels": {}, "startsAt": NOW.isoformat()}]}, "labels"),
        ({"alerts": [{"status": "burning", "labels": {"a": "b"}, "startsAt": NOW.isoformat()}]}, "status"),
        ({"alerts": [{"status": "firing", "labels": {"a": "b"}, "startsAt": "2026-01-10T09:00:00"}]}, "startsAt"),
        ({"alerts": [{"status": "firing", "labels": {"a b": "c"}, "startsAt": NOW.isoformat()}]}, "labels"),
    ],
)
def test_a_webhook_that_is_not_alertmanagers_names_the_field(change, field):
    """The caller learns which field is wrong."""
    body = {
        "version": "4",
        "groupKey": "{}:{}",
        "status": "firing",
        "alerts": [{"status": "firing", "labels": {"alertname": "A"}, "startsAt": NOW.isoformat()}],
    }
    assert Webhook.model_validate(body).alerts[0].name == "A"
    with pytest.raises(ValidationError, match=field):
        Webhook.model_validate({**body, **change})


def test_a_group_shows_its_worst_severity_and_its_service():
    """The group's title and severity come from its alerts."""
    group = AlertGroup(group_id="g", alerts=(alert(severity="warning"), alert("Down", severity="critical")))
    assert (group.title, group.severity, group.service) == ("HighErrorRatio on checkout", "critical", "checkout")


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_has_no_utc_is_refused(start):
    """At both ends of the calendar, with the field's name."""
    with pytest.raises(ValidationError, match="outside the years 1 to 9999"):
        Alert.model_validate({"status": "firing", "labels": {"a": "b"}, "startsAt": start})


def test_times_are_kept_in_utc():
    """A start in another zone is the same instant."""
    shifted = Alert.model_validate({"status": "firing", "labels": {"a": "b"}, "startsAt": "2026-01-10T11:00:00+02:00"})
    assert shifted.starts_at == NOW
    assert shifted.starts_at.isoformat().endswith("+00:00")
