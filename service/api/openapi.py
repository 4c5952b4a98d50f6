"""`docs/openapi.json`: the API's description, made from the routes alone."""

import json
import sys

from service.api.app import described_app


def openapi_document() -> str:
    """The document as it is kept in the repository."""
    return json.dumps(described_app().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_document())
