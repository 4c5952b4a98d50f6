"""`triagent evals record`: a live incident becomes a case of a suite."""

import asyncio
from pathlib import Path
from typing import Annotated, cast

import typer
import yaml
from rich.console import Console

from domain.alerts import Alert, AlertGroup
from domain.errors import Misconfigured
from domain.signals import SignalCatalogue
from evals.recorder.collecting import Recorded, recorded
from evals.recordings import write
from service.cli.client import Client, Url
from service.composition import open_sources
from service.settings import Settings, load_settings
from service.site_files import load_site_files
from service.upstreams import open_upstreams
from tools.artifacts import MemoryArtifacts
from tools.documents import JsonObject, objects_at

CATALOGUE = "signals.yaml"


def record(
    incident: Annotated[str, typer.Argument(help="Id of the incident.")],
    out: Annotated[Path, typer.Option(help="Folder of the suite that the case is added to.")],
    url: Url = "",
) -> None:
    """Record what the configured systems say of INCIDENT now, without secrets, as a case of the suite OUT.

    The incident comes from the running service (TRIAGE_URL, TRIAGE_TOKEN), the systems from the same settings as the
    service's. Record while it lasts: what has healed is recorded as healed. Add an `expected.json` to have it scored.
    """
    group = group_of(cast("JsonObject", Client(url, verbatim=True).get(f"/incidents/{incident}")))
    settings = load_settings()
    found = asyncio.run(recorded_now(settings, incident, group))
    add_to_suite(found, load_site_files(settings).signals, out)
    for reason in found.missing:
        Console(stderr=True).print(f"[yellow]not recorded: {reason}[/yellow]", highlight=False)
    Console().print(f"{len(found.recording.items)} objects, {len(found.recording.logs)} logs → {out / incident}")


def group_of(incident: JsonObject) -> AlertGroup:
    """The alerts of an incident as the API shows it."""
    alerts = tuple(Alert.model_validate(item) for item in objects_at(incident, "alerts"))
    return AlertGroup(group_id=str(incident["id"]), alerts=alerts)


async def recorded_now(settings: Settings, incident_id: str, group: AlertGroup) -> Recorded:
    """Read the configured systems once, for this incident. Raises `Misconfigured` or an `UpstreamError`."""
    artifacts = MemoryArtifacts()
    upstreams = open_upstreams(settings, artifacts)
    try:
        return await recorded(open_sources(load_site_files(settings), upstreams, artifacts), incident_id, group)
    finally:
        await upstreams.close()


def add_to_suite(found: Recorded, catalogue: SignalCatalogue, suite: Path) -> None:
    """Write the case; a new suite gets the site's catalogue. Raises `Misconfigured` where that is not possible."""
    try:
        write(found.recording, suite)
        if not (suite / CATALOGUE).exists():
            (suite / CATALOGUE).write_text(yaml.safe_dump(catalogue.signals, sort_keys=True), encoding="utf-8")
    except OSError as exc:
        raise Misconfigured(f"cannot write to {suite}: {exc}") from exc
