"""What libraries, runtimes and controllers say on an occasion; the words are in `wordings.yaml`."""

from functools import cache
from pathlib import Path
from typing import cast

import yaml


@cache
def _wordings() -> dict[str, dict[str, str]]:
    text = (Path(__file__).parent / "wordings.yaml").read_text(encoding="utf-8")
    return cast("dict[str, dict[str, str]]", yaml.safe_load(text))


def worded(occasion: str, speaker: str = "any", /, **fields: object) -> str:
    """The speaker's words, with the fields filled in. Raises `KeyError` for an occasion that nobody has words for."""
    spoken = _wordings()[occasion]
    return (spoken[speaker] if speaker in spoken else spoken["any"]).format(**fields)
