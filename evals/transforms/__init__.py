"""Suites made from suites, in the same format: renamed, blinded, mended, with two faults at once."""
