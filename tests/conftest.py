import os

import pytest
from hypothesis import settings

# Parallel test runners set it, and rich would keep that width for the whole process.
os.environ.pop("COLUMNS", None)


# How long an example takes says something about the machine only.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-histories",
        action="store_true",
        help="write the workflow histories of this run to tests/replay/histories",
    )
    parser.addoption("--full", action="store_true", help="all repetitions of the suites on the real cluster")
