"""Two faults at once: the objects of an application that is at fault in one case, put into another case.

The first case may have any fault but slowness, whose metrics the second fault would not have been part of; the second
one must lie in the application's own objects.
"""

from collections.abc import Iterator
from dataclasses import replace

from evals.cases import Expected
from evals.recordings import Recording, shifted_object
from evals.transforms.belongings import STORAGE, belongings, transplanted
from evals.transforms.pool import Pool, Summary
from tools.documents import text_at


def pairs(pool: Pool) -> Iterator[tuple[Summary, Summary]]:
    """Cases that can be put together, each first case and each pair of causes once, in the order of the seed."""
    seen: set[frozenset[str]] = set()
    for first in pool.shuffled():
        for second in pool.shuffled():
            causes = frozenset({first.label.root_cause, second.label.root_cause})
            if causes not in seen and _fit(first, second):
                seen.add(causes)
                yield first, second
                break


def _fit(first: Summary, second: Summary) -> bool:
    kin = (first.system, first.namespace) == (second.system, second.namespace)
    apart = second.application in first.well and first.application != second.application
    return kin and apart and second.contained and first.label.fault_taxonomy != "Performance_Fault"


def merged(first: Recording, second: Recording, application: str) -> Recording | None:
    """The first case with the second one's fault too; None where both claim the cluster's storage."""
    mine, theirs = belongings(first, application), belongings(second, application)
    if first.label is None or second.label is None:
        return None
    if any(key.kind in STORAGE for key in mine.keys | theirs.keys):
        return None
    by = first.taken_at - second.taken_at
    alerts = (item for item in second.active_alerts if text_at(item, "labels", "service") in theirs.services)
    added = tuple(shifted_object(item, by) for item in alerts)
    other = Expected(**second.label.model_dump(exclude={"others"}))
    case = transplanted(first, second, application).named(f"{first.id}+{second.id}")
    return replace(
        case,
        active_alerts=(*case.active_alerts, *added),
        label=first.label.model_copy(update={"others": (other,)}),
    )
