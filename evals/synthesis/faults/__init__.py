"""Faults by class of cause. Each changes a healthy world the way the fault does, and returns the object at fault."""
