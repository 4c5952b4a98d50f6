import json
from pathlib import Path

from lab.cluster.audit import AuditLog


def line(
    verb: str, *, code: int = 200, uri: str = "/apis/apps/v1/namespaces/shop/deployments/cart", user: str = "a"
) -> str:
    """One line of the API server's log."""
    return (
        json.dumps(
            {
                "auditID": "1",
                "stage": "ResponseComplete",
                "requestURI": uri,
                "verb": verb,
                "user": {"username": user, "groups": ["system:authenticated"]},
                "objectRef": {"resource": "deployments", "namespace": "shop", "name": "cart"},
                "responseStatus": {"code": code},
                "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
            }
        )
        + "\n"
    )


def test_only_what_took_effect_counts_as_a_write(tmp_path: Path) -> None:
    """Neither a dry run nor what was refused does; users are told apart."""
    log = tmp_path / "audit.log"
    dry = "/apis/apps/v1/namespaces/shop/deployments/cart?dryRun=All"
    log.write_text(line("patch") + line("patch", uri=dry) + line("patch", code=409) + line("update", user="b"))
    assert [event.verb for event in AuditLog(log).writes()] == ["patch", "update"]
    assert [event.verb for event in AuditLog(log).writes(user="b")] == ["update"]


def test_reading_goes_on_where_it_was(tmp_path: Path) -> None:
    """A position leaves out what came before; half a line is left for later."""
    log = AuditLog(tmp_path / "audit.log")
    assert log.position() == 0
    log.path.write_text(line("create"))
    since = log.position()
    with log.path.open("a") as appended:
        appended.write(line("delete") + line("patch")[:40])
    assert [event.verb for event in log.events(since)] == ["delete"]


def test_a_line_that_is_being_written_comes_later(tmp_path: Path) -> None:
    """However much of it is there, and however long it is: what is read from the position begins with a whole line."""
    log = AuditLog(tmp_path / "audit.log")
    long = line("patch", user="b" * 100_000)
    log.path.write_text(line("create") + long[:90_000])
    since = log.position()
    with log.path.open("a") as appended:
        appended.write(long[90_000:])
    assert [event.verb for event in log.events(since)] == ["patch"]
    log.path.write_text(long[:90_000])
    assert log.position() == 0
