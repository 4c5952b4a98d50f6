"""The shop's time: it moves only when somebody moves it, so that a test can live through a minute in an instant."""

from datetime import datetime, timedelta


class Clock:
    """The moment the shop is at; always with a time zone."""

    def __init__(self, start: datetime):
        self._now = start

    def now(self) -> datetime:
        """The present moment."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Go `seconds` on."""
        self._now += timedelta(seconds=seconds)

    def jump(self, moment: datetime) -> None:
        """Go to `moment` with nothing happening in between."""
        self._now = moment
