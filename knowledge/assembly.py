"""From options to an index: which store, which model."""

from pathlib import Path

from pydantic import Field, SecretStr
from qdrant_client import QdrantClient

from domain.errors import Misconfigured
from domain.model import Model
from knowledge.embedding import SentenceEmbedder
from knowledge.index import HybridIndex
from knowledge.stores.edge import EdgeStore
from knowledge.stores.server import ServerStore

SERVER_TIMEOUT_SECONDS = 10


class IndexOptions(Model):
    """Where chunks live and which dense model reads them. `url` wins over `path`; no `model`: by words only."""

    url: str = ""
    api_key: SecretStr | None = None
    path: Path = Path(".triagent/qdrant")
    model: str = Field(default="", description="A sentence-transformers folder or name.")


def open_index(options: IndexOptions) -> HybridIndex:
    """The index of these options, empty until its first refresh. Raises `Misconfigured` for what cannot be."""
    embedder = SentenceEmbedder(options.model) if options.model else None
    return HybridIndex(_server(options) if options.url else EdgeStore(options.path), embedder)


def _server(options: IndexOptions) -> ServerStore:
    key = options.api_key.get_secret_value() if options.api_key else None
    try:
        client = QdrantClient(url=options.url, api_key=key, timeout=SERVER_TIMEOUT_SECONDS, check_compatibility=False)
    except ValueError as error:
        raise Misconfigured(f"TRIAGE_QDRANT__URL {options.url!r} is not a Qdrant address: {error}") from error
    return ServerStore(client)
