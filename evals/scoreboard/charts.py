"""Plots as SVG elements, without a plotting library: bars, lines and a matrix are all the page needs.

Every plot has a title and a description for screen readers; colours come from the page's style sheet by class, so that
they follow its light and dark schemes. Coordinates are in SVG user units.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 360, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 36
BAR = 16
LABELS = 236
STRONGEST = 0.7
"""How opaque a cell may be, so that its number can be read on it."""
CHARACTER = 6.2
"""About how wide a character of a label is."""


class Bar(NamedTuple):
    """One bar: its share from 0 to 1, and what is written behind it."""

    label: str
    share: float
    text: str
    bad: bool = False


class Point(NamedTuple):
    """A point of a plot over the unit square; `size` is a share of the largest dot."""

    x: float
    y: float
    text: str = ""
    size: float = 0.0


def bars(title: str, found: Sequence[Bar]) -> str:
    """Horizontal bars over 0..1."""
    height = BAR * len(found) + 8
    width = LABELS + 300
    body = "".join(_bar(place, item) for place, item in enumerate(found))
    return _svg(title, "; ".join(f"{item.label}: {item.text}" for item in found), width, height, body)


def _bar(place: int, item: Bar) -> str:
    y = 4 + BAR * place
    kind = "bar bad" if item.bad else "bar"
    return (
        f'<text class="label" x="{LABELS - 8}" y="{y + 11}" text-anchor="end">{escape(item.label)}</text>'
        f'<rect class="rail" x="{LABELS}" y="{y + 2}" width="200" height="{BAR - 5}"/>'
        f'<rect class="{kind}" x="{LABELS}" y="{y + 2}" width="{200 * item.share:.1f}" height="{BAR - 5}">'
        f"<title>{escape(f'{item.label}: {item.text}')}</title></rect>"
        f'<text class="value" x="{LABELS + 208}" y="{y + 11}">{escape(item.text)}</text>'
    )


def unit_plot(
    title: str, axes: tuple[str, str], line: Sequence[Point], *, diagonal: bool = False, top: float = 1.0
) -> str:
    """Points joined by a line over 0..1 and 0..`top`; with `diagonal`, the line of what would be perfect."""
    places = [(_x(point.x), _y(point.y / top)) for point in line]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{3 + 6 * point.size:.1f}">'
        f"<title>{escape(point.text)}</title></circle>"
        for (x, y), point in zip(places, line, strict=True)
    )
    ideal = f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>' if diagonal else ""
    body = f'{_frame(axes, top)}{ideal}<polyline class="line" points="{path}"/>{dots}'
    return _svg(title, "; ".join(point.text for point in line), WIDTH, HEIGHT, body)


def steps(title: str, values: Sequence[float], unit: str) -> str:
    """The share of values up to each value: how long things took."""
    ordered = sorted(values)
    most = max(ordered, default=0.0) or 1.0
    points = [Point(0, 0)]
    points += [Point(value / most, (place + 1) / len(ordered)) for place, value in enumerate(ordered)]
    path = " ".join(f"{_x(point.x):.1f},{_y(point.y):.1f}" for point in points)
    body = f'{_frame((unit, "share of cases"), 1.0, across=most)}<polyline class="line" points="{path}"/>'
    return _svg(title, f"{len(ordered)} cases, the slowest {most:.2f} {unit}", WIDTH, HEIGHT, body)


def matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Counts by row (expected) and column (named); only rows and columns with something off the diagonal."""
    kept = [at for at in range(len(names)) if _confused(at, counts)]
    if not kept:
        return "<p>No cause was taken for another.</p>"
    cell, left = 22, LABELS
    above = round(CHARACTER * max(len(names[at]) for at in kept)) + 12
    head = "".join(
        f'<text class="label" transform="translate({left + cell * place + 14},{above - 6}) rotate(-60)">'
        f"{escape(names[at])}</text>"
        for place, at in enumerate(kept)
    )
    rows = "".join(_row(names, counts, kept, place, (cell, above)) for place in range(len(kept)))
    size = left + cell * len(kept) + above // 2
    described = f"{len(kept)} causes of which some were taken for others; rows are expected, columns named"
    return _svg(title, described, size, above + cell * len(kept) + 8, head + rows)


def _confused(at: int, counts: Sequence[Sequence[int]]) -> bool:
    return any(counts[at][other] or counts[other][at] for other in range(len(counts)) if other != at)


def _row(
    names: Sequence[str], counts: Sequence[Sequence[int]], kept: Sequence[int], place: int, size: tuple[int, int]
) -> str:
    cell, above = size
    y = above + cell * place
    total = sum(counts[kept[place]]) or 1
    label = f'<text class="label" x="{LABELS - 6}" y="{y + 15}" text-anchor="end">{escape(names[kept[place]])}</text>'
    cells = (
        f'<rect class="{"cell" if at == kept[place] else "cell bad"}" x="{LABELS + cell * column}" y="{y}" '
        f'width="{cell - 2}" height="{cell - 2}" fill-opacity="{STRONGEST * counts[kept[place]][at] / total:.2f}"/>'
        + (_count(LABELS + cell * column, y, counts[kept[place]][at]))
        for column, at in enumerate(kept)
    )
    return label + "".join(cells)


def _count(x: int, y: int, count: int) -> str:
    return f'<text class="value" x="{x + 10}" y="{y + 15}" text-anchor="middle">{count}</text>' if count else ""


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _frame(axes: tuple[str, str], top: float, *, across: float = 1.0) -> str:
    ticks = "".join(_ticks(share / 4, top, across) for share in range(5))
    return (
        f'{ticks}<text class="axis" x="{_x(0.5)}" y="{HEIGHT - 4}" text-anchor="middle">{escape(axes[0])}</text>'
        f'<text class="axis" transform="translate(11,{_y(0.5)}) rotate(-90)" text-anchor="middle">'
        f"{escape(axes[1])}</text>"
    )


def _ticks(share: float, top: float, across: float) -> str:
    below = HEIGHT - BOTTOM + 12
    return (
        f'<line class="grid" x1="{_x(0)}" x2="{_x(1)}" y1="{_y(share)}" y2="{_y(share)}"/>'
        f'<text class="tick" x="{LEFT - 4}" y="{_y(share) + 3}" text-anchor="end">{share * top:.2g}</text>'
        f'<text class="tick" x="{_x(share)}" y="{below}" text-anchor="middle">{share * across:.2g}</text>'
    )


def _svg(title: str, description: str, width: float, height: float, body: str) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title><desc>{escape(description)}</desc>{body}</svg>'
    )


def shares(rows: Iterable[tuple[str, int, int]]) -> list[Bar]:
    """Bars of parts of wholes, the smallest share first."""
    found = [Bar(name, part / whole, f"{part} of {whole}", bad=part < whole) for name, part, whole in rows if whole]
    return sorted(found, key=lambda item: (item.share, item.label))
