"""Language models measured like the offline one: what they find, what they cost, and how they fail.

`server` a local OpenAI-compatible server that answers as it is told, `scripts` models that are programs, `faults` all
the ways an endpoint can fail, `endurance` the planner against each of them, `suite` recorded cases with any model.
"""
