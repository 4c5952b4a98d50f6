"""The project's pages, and what is in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GETTING_STARTED = ROOT / "docs/getting-started.md"
OPERATIONS = ROOT / "docs/operations.md"
ARCHITECTURE = ROOT / "docs/architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = (ROOT / "README.md", CONTRIBUTING, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://)(?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`(?P<code>[^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block. `str()` says where it is."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def first(self) -> str:
        """Its first line, without a comment behind it."""
        return self.text.partition("\n")[0].partition("  #")[0].strip()

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """The page as links call it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[Block]:
    """The fenced blocks of one language, in order."""
    text = page.read_text(encoding="utf-8")
    found = ((match, text.count("\n", 0, match.start()) + 1) for match in _FENCED.finditer(text))
    return [
        Block(page, line, match["language"], match["text"]) for match, line in found if match["language"] == language
    ]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Targets of the links to other pages and files."""
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """What a link may name behind `#`, as GitHub makes it of headings."""
    titles = (match["title"].lower() for match in _HEADING.finditer(prose(page)))
    return {re.sub(r"[^a-z0-9 _-]", "", title).replace(" ", "-") for title in titles}


def code(page: Path) -> list[str]:
    """What stands between single backticks."""
    return [match["code"] for match in _CODE.finditer(prose(page))]
