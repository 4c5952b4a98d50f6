"""Runbooks, patterns and past incidents: documents, index, and the three read-only query services."""
