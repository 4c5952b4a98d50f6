"""The pager: takes pages as a webhook and shows what it got."""

from typing import Annotated

from fastapi import Body, FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

from lab.shop.clock import Clock


class Page(BaseModel):
    """One call of the pager's webhook."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: AwareDatetime
    body: JsonValue


class Pager:
    """All pages since the start."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._pages: list[Page] = []

    def serve(self, app: FastAPI) -> None:
        """Add `POST /pages` and `GET /pages`."""
        app.post("/pages", status_code=202)(self.page)
        app.get("/pages")(self.pages)

    async def page(self, body: Annotated[JsonValue, Body()]) -> Page:
        """Take a page."""
        page = Page(time=self._clock.now(), body=body)
        self._pages.append(page)
        return page

    async def pages(self) -> list[Page]:
        """All pages, oldest first."""
        return list(self._pages)
