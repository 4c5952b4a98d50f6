"""The `triagent` command. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the service cannot be reached."""

import sys

from domain.errors import TriagentError, UpstreamUnavailable
from service.cli.app import build
from service.cli.output import fail

REFUSED = 1
UNREACHABLE = 3


def main() -> None:
    """Run the command line; errors become one line and an exit code."""
    try:
        build()()
    except UpstreamUnavailable as error:
        fail(str(error))
        sys.exit(UNREACHABLE)
    except TriagentError as error:
        fail(str(error))
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(130)
