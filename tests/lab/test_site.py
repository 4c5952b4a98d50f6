"""The site's own promises that need no cluster: what its registry and its repositories hold, and its commands."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.shop.cluster.objects import section, text
from lab.shop.manifests import image_of
from lab.shop.topology import BY_NAME, SERVICES, Service
from lab.site.__main__ import app
from lab.site.images import MISSING_PREFIX, flawed_release, program_of, slow_release, version_after, version_before
from lab.site.incidents import INCIDENTS
from lab.site.layout import AUTOSCALED, application_of
from lab.site.manifests import release_of, site_manifests, workload_of
from lab.site.repositories import Repository
from tests.lab.endings import ENDINGS


def test_every_incident_has_an_ending() -> None:
    """Nothing can happen to the site of which no test says how it must end."""
    assert list(ENDINGS) == [incident.name for incident in INCIDENTS]


def test_every_incident_that_ends_well_says_by_which_change() -> None:
    """A change is verified by what it leaves in the cluster; without one nothing of the product's may be there."""
    assert {ending.status for ending in ENDINGS.values()} == {"resolved", "escalated"}
    assert all(ending.change or not ending.writes for ending in ENDINGS.values())


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_only_the_bad_releases_of_a_service_are_bad(service: Service) -> None:
    """Its current and its former release are sound; the next fails requests, the one after is slow."""
    sound = program_of(image_of(service.name, service.version))
    failing = program_of(image_of(service.name, flawed_release(service)))
    slow = program_of(image_of(service.name, slow_release(service)))
    assert sound
    assert failing
    assert slow
    assert program_of(image_of(service.name, version_before(service.version)))
    assert sound.error_ratio < failing.error_ratio
    assert sound.extra_latency < slow.extra_latency
    assert program_of(image_of(service.name, MISSING_PREFIX + version_after(service.version))) is None


def test_git_leaves_the_replicas_of_an_autoscaled_service_open() -> None:
    """Else every sync would set them back."""
    for service in SERVICES:
        spec = section(workload_of(site_manifests(release_of(service))), "spec")
        assert ("replicas" in spec) == (service.name not in AUTOSCALED)


def test_a_repository_that_is_there_keeps_its_history(tmp_path: Path) -> None:
    """The same folder brings the same site back."""
    manifests = site_manifests(release_of(BY_NAME["cart"]))
    first = Repository(tmp_path / "cart").commit(manifests, "Initial release")
    again = Repository(tmp_path / "cart")
    assert again.head == first
    assert again.commit(manifests[:1], "Less") != first
    assert len(list(again.folder.glob("*.json"))) == 1


def test_the_list_shows_every_incident() -> None:
    """With the service it strikes."""
    shown = CliRunner().invoke(app, ["list"]).output
    assert all(incident.name in shown and incident.service in shown for incident in INCIDENTS)


def test_an_incident_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """Before anything of the lab is touched; the message says which there are."""
    refused = CliRunner().invoke(app, ["strike", "flood", "--run-dir", str(tmp_path / "lab")])
    assert refused.exit_code == 2
    assert "bad-release" in refused.output
    assert not (tmp_path / "lab").exists()


def test_every_application_has_the_service_in_its_name() -> None:
    """Whoever sees one in Argo CD knows whose it is; what is applied by hand has none."""
    names = {service.name: application_of(service) for service in SERVICES}
    assert [name for name, application in names.items() if application is None] == ["payment"]
    assert all(application is None or application.endswith(name) for name, application in names.items())
    assert text(workload_of(site_manifests(release_of(BY_NAME["payment"]))), "kind") == "Deployment"
