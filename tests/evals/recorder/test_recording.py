"""Record, redact, replay."""

import gzip
import json
from pathlib import Path

import pytest

from domain.alerts import Webhook
from domain.errors import Misconfigured
from evals.cases import cases_in
from evals.loop import Loop, group_of
from evals.recorder.collecting import Recorded
from evals.recorder.command import add_to_suite, recorded_now
from evals.recordings import Recording
from evals.replay.prometheus import find_commands
from evals.replay.site import replayed
from service.settings import load_settings
from service.site_files import load_site_files
from tests.evals.recorder.canaries import KINDS, found_in, sown
from tests.evals.replay.recorded import ALERT, CATALOGUE, recording

pytestmark = pytest.mark.servers


async def recorded_from(source: Recording, folder: Path) -> Recorded:
    """What the recorder makes of a site that is itself a replay, added to the suite in `folder`."""
    folder.mkdir()
    (folder / "live.yaml").write_text(CATALOGUE)
    base = load_settings({})
    async with replayed(source, folder / "live.yaml", find_commands(base.cache)) as site:
        settings = site.settings(base)
        found = await recorded_now(settings, "inc-1", group_of(source))
        add_to_suite(found, load_site_files(settings).signals, folder)
    return found


def alerted(source: Recording) -> Recording:
    """The recording with an alert that names its namespace, as an incident of a cluster has."""
    labels = {"alertname": "ProbeFailed", "namespace": source.namespace}
    webhook = {**source.webhook, "alerts": [{"status": "firing", "labels": labels, "startsAt": ALERT["startsAt"]}]}
    return Recording(**{**vars(source), "webhook": webhook})


async def test_a_hundred_secrets_do_not_get_into_a_recording(tmp_path: Path):
    """Passwords, tokens, keys, connection strings, plain and encoded, wherever they stand: none is left."""
    field = sown(alerted(recording()))
    await recorded_from(field.recording, tmp_path / "suite")
    files = [path for path in (tmp_path / "suite" / "inc-1").iterdir() if path.is_file()]
    written = b"".join(gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in files).decode()
    sources = "".join(field.recording.texts())
    assert len(field.secrets) >= 100 > len(KINDS) > 30
    assert [secret for secret in field.secrets if not found_in(sources, secret)] == []
    assert [secret for secret in field.secrets if found_in(written, secret)] == []
    assert "[redacted]" in written
    assert "spring.datasource.password=" in written
    assert 'url="http://u:[redacted]@db/x"' in written


async def test_a_recorded_incident_is_diagnosed_as_the_live_one(tmp_path: Path):
    """The same cause, object and plan; and what is recorded of a recording is the same again."""
    source = alerted(recording())
    found = await recorded_from(source, tmp_path / "suite")
    assert found.missing == ()
    assert found.recording.logs.keys() >= {"store/cart-1-x7k2p/app"}
    assert found.recording.manifests.keys() == source.manifests.keys()
    assert [alert["fingerprint"] for alert in found.recording.active_alerts] == ["aa"]
    (case,) = cases_in(tmp_path / "suite")
    loop = await Loop.open(load_settings({}), tmp_path / "index")
    try:
        result = (await loop.planned(case)).result
    finally:
        await loop.close()
    assert [(cause.cause, cause.object) for cause in result.causes[:1]] == [
        ("service_selector_mismatch", "service/cart")
    ]
    assert result.plan is not None


async def test_an_incident_without_a_namespace_cannot_be_recorded(tmp_path: Path):
    """It says what is missing."""
    with pytest.raises(Misconfigured, match="namespace"):
        await recorded_from(recording(), tmp_path / "suite")


def test_the_alerts_of_a_recording_are_a_webhook(tmp_path: Path):
    """What the recorder writes, Alertmanager could have sent."""
    source = alerted(recording())
    again = Webhook.model_validate(json.loads(json.dumps(source.webhook)))
    assert again.alerts == group_of(source).alerts
