"""All faults."""

from evals.synthesis.faults import (
    admission,
    databases,
    infrastructure,
    performance,
    probing,
    routing,
    running,
    scheduling,
    startup,
)
from evals.synthesis.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *admission.FAULTS,
    *scheduling.FAULTS,
    *startup.FAULTS,
    *probing.FAULTS,
    *databases.FAULTS,
    *running.FAULTS,
    *routing.FAULTS,
    *infrastructure.FAULTS,
    *performance.FAULTS,
)
