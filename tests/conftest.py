import os

import pytest

# Parallel test runners set it, and rich would keep that width for the whole process.
os.environ.pop("COLUMNS", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-histories",
        action="store_true",
        help="write the workflow histories of this run to tests/replay/histories",
    )
    parser.addoption("--full", action="store_true", help="all repetitions of the suites on the real cluster")
