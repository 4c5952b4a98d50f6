"""Alertmanager: active alerts over its HTTP API v2."""
