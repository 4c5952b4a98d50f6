"""The planner: analyzers, offline model, grounding and answers."""
