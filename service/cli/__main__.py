"""`python -m service.cli`, the same as `triagent`."""

from service.cli import main

main()
