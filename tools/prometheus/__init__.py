"""Prometheus: guarded queries over its HTTP API v1."""
