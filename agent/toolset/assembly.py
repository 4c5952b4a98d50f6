"""The one toolset of a site."""

from agent.analysis import Sources
from agent.toolset.applications import ApplicationTools
from agent.toolset.backlog import BacklogTools
from agent.toolset.citing import CitingToolset
from agent.toolset.cluster import ClusterTools
from agent.toolset.metrics import MetricTools
from agent.toolset.overview import OverviewTools
from agent.toolset.traces import TraceTools
from knowledge.library import Knowledge

TOOLSET_ID = "evidence"
"""Part of the activity's name: stored in histories."""


def build_toolset(sources: Sources, knowledge: Knowledge) -> CitingToolset:
    """Every read-only tool over `sources` and `knowledge`. Tool names are stored data: add, never rename."""
    overview, metrics, cluster = OverviewTools(sources), MetricTools(sources), ClusterTools(sources)
    applications, traces, backlog = ApplicationTools(sources), TraceTools(sources), BacklogTools(sources, knowledge)
    return CitingToolset(
        tools=[
            overview.analyse_namespace,
            metrics.query_prometheus,
            metrics.check_signals,
            metrics.list_alerts,
            metrics.alert_rules,
            cluster.describe_workload,
            cluster.list_workloads,
            cluster.pod_logs,
            cluster.list_events,
            cluster.rollout_history,
            applications.get_application,
            applications.application_diff,
            traces.search_traces,
            traces.get_trace,
            backlog.search_knowledge,
            backlog.read_artifact,
        ],
        id=TOOLSET_ID,
        require_parameter_descriptions=True,
        docstring_format="google",
    )
