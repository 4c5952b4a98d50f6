"""The service's database: facts and projections, inbox, backlog, artifacts, tokens, audit log.

SQLAlchemy Core on SQLite or PostgreSQL; no SQL here that only one of them understands.
"""
