"""The planner: one durable agent over read-only tools, its model by setting, the offline model behind every other.

Site settings reach workflow code only through activities (tools, model requests, the plan review), so that a history
replays the same after a setting has changed.
"""

from agent.planner.options import PlannerOptions
from agent.planner.planner import Planner

__all__ = ["Planner", "PlannerOptions"]
