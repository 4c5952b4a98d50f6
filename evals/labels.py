"""What a case says was wrong: one fault, several at once, or nothing at all.

`expected.json` names one fault, as the format has it. A case with more faults lists the rest under `others`; a healthy
case has the root cause `no_fault`, which no finding can name.
"""

from pydantic import ValidationError

from domain.diagnosis import Finding
from domain.errors import Misconfigured
from evals.cases import Case, Expected

HEALTHY = "no_fault"


class Label(Expected):
    """`expected.json`, with the faults beyond the first."""

    others: tuple[Expected, ...] = ()

    @property
    def faults(self) -> tuple[Expected, ...]:
        """Every fault of the case; none for a healthy one."""
        return () if self.root_cause == HEALTHY else (Expected(**self.model_dump(exclude={"others"})), *self.others)

    @property
    def service(self) -> str:
        """Whose case it is, as leave-one-service-out groups cases: the first fault's object."""
        return self.fault_object


def healthy() -> Label:
    """The label of a system without a fault."""
    return Label(fault_object="none", root_cause=HEALTHY)


def label_of(case: Case) -> Label | None:
    """The case's label; None where it has none. Raises `Misconfigured` for one that cannot be read."""
    path = case.folder / "expected.json"
    try:
        return Label.model_validate_json(path.read_bytes()) if path.exists() else None
    except ValidationError as exc:
        raise Misconfigured(f"{path} is no label: {exc.error_count()} fields are wrong") from exc


def rank_of(fault: Expected, findings: tuple[Finding, ...]) -> int | None:
    """Where the finding that names the fault stands, from 1; None where none does."""
    return next((place for place, finding in enumerate(findings, 1) if fault.matched_by(finding)), None)
