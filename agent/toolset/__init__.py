"""The read-only tools a planner has: typed calls over the readers of `tools` and the query services of `knowledge`.

One module a kind of source. Each tool answers with text for the model, within a budget, and with evidence and claims
that a program can check; `citing` turns what can go wrong outside into evidence of what could not be seen.
"""
