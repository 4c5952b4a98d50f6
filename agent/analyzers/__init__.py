"""Pure functions from a `Situation` to suspicions, one module per family of faults."""
