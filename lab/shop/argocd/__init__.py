"""Argo CD over an in-memory Git: applications, sync, rollback, history, and the REST API on top."""
