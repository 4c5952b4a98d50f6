"""Kubernetes: typed reads, server-side dry runs, and writes that happen once.

`workloads` parses Deployments, StatefulSets and DaemonSets; `changes` turns an action into one patch, for `preview` and
`write` alike.
"""
