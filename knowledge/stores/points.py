"""How a chunk is written as a Qdrant point: the same in both stores."""

import uuid
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from knowledge.chunking import Chunk
from knowledge.vectors import Terms

TERMS: Final = "terms"
DENSE: Final = "dense"
PAGE: Final = 1000
"""Points a request."""
_NAMESPACE = uuid.UUID("6f1d3d2e-0b1c-5a77-9d55-2f1f8f0f7a11")


def point_id(chunk: Chunk) -> uuid.UUID:
    """The chunk's point id: the same chunk of the same document always gets the same one."""
    return uuid.uuid5(_NAMESPACE, f"{chunk.key}#{chunk.position}")


def payload_of(chunk: Chunk) -> dict[str, JsonValue]:
    """The chunk as JSON."""
    return chunk.model_dump(mode="json", exclude_none=True)


def chunk_of(payload: Mapping[str, object] | None) -> Chunk:
    """The chunk a payload holds. Raises `ValidationError` for a payload nobody here wrote."""
    return Chunk.model_validate(payload)


def sparse_of(terms: Terms) -> tuple[list[int], list[float]]:
    """Indices and values, as Qdrant takes sparse vectors."""
    return list(terms), list(terms.values())
