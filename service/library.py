"""The knowledge part, as the settings describe it."""

from pathlib import Path

from knowledge.assembly import IndexOptions, open_index
from knowledge.library import Knowledge
from service.settings import Settings
from service.store.backlog import BacklogStore
from service.store.database import Database

REFRESH = 60.0
"""Seconds between two looks of a running service at its sources and at what other processes have learned."""


def open_knowledge(settings: Settings, database: Database, folder: Path | None = None) -> Knowledge:
    """Documents and backlog behind one search; empty until its first `refresh`.

    `folder` is for an embedded index elsewhere than the settings say.
    """
    options = IndexOptions(
        url=settings.qdrant.url,
        api_key=settings.qdrant.api_key,
        path=folder or settings.qdrant.folder,
        model=settings.embeddings.model,
    )
    return Knowledge(open_index(options), BacklogStore(database), settings.knowledge.sources)
