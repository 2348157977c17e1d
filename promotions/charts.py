"""Charts of reports as inline SVG: numbers in, markup out. Pure.

Drawn for a width of 360 and scaled with the page; colours are the page's, by class.
Whatever is beyond the edge is drawn at the edge, so that a first day's endless interval
does not flatten all others; the page has every number in a table beside the chart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from statistics import median
from xml.etree.ElementTree import Element, SubElement, tostring

WIDTH, HEIGHT = 360.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 350.0, 10.0, 200.0
"""The plot's edges."""
ROW = 38.0
"""A row of a forest plot: a label, and its interval below it."""
SPREADS = 4.0
"""So many usual intervals away from the outermost values is the edge."""
LONGEST = 52


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A value with its interval, and a wider one.

    `aim` is what was expected of it; what is `doubted` is drawn hollow.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    wide_low: float | None = None
    wide_high: float | None = None
    aim: float | None = None
    doubted: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """The interval; without one, the value."""
        known = self.low is not None and self.high is not None
        return (self.low, self.high) if known else (self.value, self.value)  # type: ignore[return-value]

    @property
    def wide(self) -> tuple[float, float]:
        known = self.wide_low is not None and self.wide_high is not None
        return (self.wide_low, self.wide_high) if known else self.ends  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Numbers from `low` to `high` as places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from low to high, at most `most` + 1 of them."""
    # The least of widths divides to nothing, of which there is no logarithm.
    step = 10.0 ** floor(log10(max((high - low) / most, 1e-300)))
    step *= next(k for k in (1, 2, 5, 10) if (high - low) / (step * k) <= most)
    first = -floor(-low / step)
    # 0.3 / 0.1 is a little below 3.
    return [k * step for k in range(first, floor(high / step + 1e-9) + 1)]


def by_day(marks: Sequence[Mark], *, title: str) -> str:
    """Draw a value over time in its interval, and in the wider one that always holds.

    Empty for fewer than two marks.
    """
    if len(marks) < 2:
        return ""
    svg, y = _plot(title, _edges(marks, [mark.wide for mark in marks]))
    x = Scale(low=0, high=len(marks) - 1, start=LEFT, end=RIGHT)
    for name, ends in (("wide", [m.wide for m in marks]), ("band", _ends(marks))):
        upper = [(x.at(i), y.at(high)) for i, (_, high) in enumerate(ends)]
        lower = [(x.at(i), y.at(low)) for i, (low, _) in enumerate(ends)]
        _shape(svg, "polygon", name, [*upper, *lower[::-1]])
    _zero(svg, y)
    line = [(x.at(i), y.at(mark.value)) for i, mark in enumerate(marks)]
    _shape(svg, "polyline", "line", line)
    for i in sorted({0, len(marks) // 2, len(marks) - 1}):
        anchor = "start" if i == 0 else "end" if i == len(marks) - 1 else "middle"
        _text(svg, x.at(i), BOTTOM + 16, marks[i].label, anchor)
    return tostring(svg, encoding="unicode")


LINES = ("first", "second", "third", "fourth", "fifth")
"""Classes of lines side by side; each is dashed in a way of its own."""


def steps(
    lines: Sequence[Sequence[tuple[float, float]]],
    ends: tuple[str, str],
    *,
    last: float,
    title: str,
) -> str:
    """Draw values that hold from a time on until the next one, as of prices.

    Each of up to five `lines` has (time, value) in order; time goes from 0 to `last`,
    and `ends` are what stands below these two. Empty for nothing to draw.
    """
    drawn = [line for line in lines if line][: len(LINES)]
    if not drawn or last <= 0:
        return ""
    values = [value for line in drawn for _, value in line]
    spare = 0.08 * (max(values) - min(values)) or 0.1 * abs(values[0]) or 1.0
    svg, y = _plot(title, (min(values) - spare, max(values) + spare))
    x = Scale(low=0, high=last, start=LEFT, end=RIGHT)
    # All of them, so that an empty line's class goes to no other.
    for name, line in zip(LINES, lines, strict=False):
        points: list[tuple[float, float]] = []
        for at, value in line:
            if points:
                points.append((x.at(at), points[-1][1]))
            points.append((x.at(at), y.at(value)))
        if points:
            _shape(svg, "polyline", f"line {name}", [*points, (RIGHT, points[-1][1])])
    _text(svg, LEFT, BOTTOM + 16, ends[0], "start")
    _text(svg, RIGHT, BOTTOM + 16, ends[1], "end")
    return tostring(svg, encoding="unicode")


def curve(
    marks: Sequence[tuple[float, Mark]], *, here: float, title: str, across: str
) -> str:
    """Draw a value over a number in its interval, with a line at `here`.

    Empty for fewer than two marks.
    """
    if len(marks) < 2:
        return ""
    values = [mark for _, mark in marks]
    svg, y = _plot(title, _edges(values, _ends(values)))
    right = marks[-1][0]
    # A `here` that is far off stands at the edge, and does not squeeze the curve.
    right = max(right, min(here, 1.25 * right))
    x = Scale(low=0, high=right, start=LEFT, end=RIGHT)
    upper = [(x.at(at), y.at(mark.ends[1])) for at, mark in marks]
    lower = [(x.at(at), y.at(mark.ends[0])) for at, mark in marks]
    _shape(svg, "polygon", "band", [*upper, *lower[::-1]])
    _zero(svg, y)
    line = [(x.at(at), y.at(mark.value)) for at, mark in marks]
    _shape(svg, "polyline", "line", line)
    _line(svg, "equal", x.at(here), TOP, x.at(here), BOTTOM)
    for tick in ticks(0, right):
        _text(svg, x.at(tick), BOTTOM + 14, _said(tick), "middle")
    _text(svg, RIGHT, HEIGHT - 2, across, "end")
    return tostring(svg, encoding="unicode")


def grown(
    values: Sequence[float], labels: Sequence[str], *, most: float, title: str
) -> str:
    """Draw what has come together by each of a time's days, beside an even growth.

    `labels` are of all the days, `values` of those that are over; the even growth ends
    at `most` with the last day. Empty for less than two days.
    """
    if len(labels) < 2:
        return ""
    top = max(most, *values, 0.0) or 1.0
    svg, y = _plot(title, (0.0, 1.05 * top))
    x = Scale(low=0, high=len(labels), start=LEFT, end=RIGHT)
    _line(svg, "equal", LEFT, y.at(0), RIGHT, y.at(most))
    line = [(LEFT, y.at(0)), *((x.at(i + 1), y.at(v)) for i, v in enumerate(values))]
    _shape(svg, "polygon", "band", [*line, (line[-1][0], y.at(0))])
    _shape(svg, "polyline", "line", line)
    _zero(svg, y)
    for i in sorted({0, len(labels) // 2, len(labels) - 1}):
        anchor = "start" if i == 0 else "end" if i == len(labels) - 1 else "middle"
        _text(svg, x.at(i if i == 0 else i + 1), BOTTOM + 16, labels[i], anchor)
    return tostring(svg, encoding="unicode")


def columns(places: Sequence[Mark | None], *, title: str) -> str:
    """Draw values side by side with their intervals; empty for none.

    None is a place that is left free.
    """
    marks = [mark for mark in places if mark]
    if not marks:
        return ""
    svg, y = _plot(title, _edges(marks, _ends(marks)))
    x = Scale(low=-0.5, high=len(places) - 0.5, start=LEFT, end=RIGHT)
    _zero(svg, y)
    every = -(-len(places) // 6)
    for i, mark in enumerate(places):
        if mark is None:
            continue
        low, high = mark.ends
        _line(svg, "whisker", x.at(i), y.at(low), x.at(i), y.at(high))
        _dot(svg, x.at(i), y.at(mark.value), mark)
        if i % every == 0:
            _text(svg, x.at(i), BOTTOM + 16, mark.label, "middle")
    return tostring(svg, encoding="unicode")


def bars(
    values: Sequence[tuple[str, float]], *, title: str, limits: Sequence[float] = ()
) -> str:
    """Draw amounts side by side from zero, each below its limit's line, if it has one.

    Empty if there is nothing but zeros.
    """
    highest = max((value for _, value in values), default=0.0)
    highest = max(highest, *limits, 0.0)
    if highest <= 0:
        return ""
    svg, y = _plot(title, (0.0, 1.05 * highest))
    x = Scale(low=0, high=len(values), start=LEFT, end=RIGHT)
    _zero(svg, y)
    every = -(-len(values) // 5)
    for i, (label, value) in enumerate(values):
        left, right, top = x.at(i + 0.1), x.at(i + 0.9), y.at(value)
        corners = {"x": left, "y": top, "width": right - left, "height": BOTTOM - top}
        places = {name: f"{place:.1f}" for name, place in corners.items()}
        bar = SubElement(svg, "rect", {"class": "bar", **places})
        SubElement(bar, "title").text = f"{label}: {value:,.10g}"
        if i % every == 0:
            _text(svg, x.at(i + 0.5), BOTTOM + 16, label, "middle")
    for i, limit in enumerate(limits):
        _line(svg, "equal", x.at(i), y.at(limit), x.at(i + 1), y.at(limit))
    return tostring(svg, encoding="unicode")


def forest(marks: Sequence[Mark], *, title: str) -> str:
    """Draw values one below the other with intervals and aims; empty for none."""
    if not marks:
        return ""
    low, high = _edges(marks, _ends(marks))
    bottom = TOP + ROW * len(marks)
    svg = _svg(title, bottom + 24)
    x = Scale(low=low, high=high, start=10.0, end=RIGHT)
    for tick in ticks(low, high):
        _text(svg, x.at(tick), bottom + 16, _said(tick), "middle")
    for i, mark in enumerate(marks):
        middle, (left, right) = TOP + ROW * i + 26, mark.ends
        for tick in ticks(low, high):  # not through the labels
            name = "grid" if tick else "zero"
            _line(svg, name, x.at(tick), middle - 8, x.at(tick), middle + 9)
        _text(svg, 10, middle - 12, _short(mark.label), "start")
        _line(svg, "whisker", x.at(left), middle, x.at(right), middle)
        _dot(svg, x.at(mark.value), middle, mark)
        if mark.aim is not None:
            _diamond(svg, x.at(mark.aim), middle)
    return tostring(svg, encoding="unicode")


def scatter(marks: Sequence[Mark], *, title: str, across: str, up: str) -> str:
    """Draw values against their aims, with the line on which both are equal.

    Marks without an aim are left out; empty for none.
    """
    marks = [mark for mark in marks if mark.aim is not None]
    if not marks:
        return ""
    aims = [mark.aim for mark in marks if mark.aim is not None]
    svg, y = _plot(title, _edges(marks, _ends(marks)))
    spare = 0.1 * (max(*aims, 0.0) - min(*aims, 0.0)) or 1.0
    x = Scale(
        low=min(*aims, 0.0) - spare, high=max(*aims, 0.0) + spare, start=LEFT, end=RIGHT
    )
    low, high = max(x.low, y.low), min(x.high, y.high)
    _line(svg, "equal", x.at(low), y.at(low), x.at(high), y.at(high))
    for tick in ticks(x.low, x.high):
        _text(svg, x.at(tick), BOTTOM + 14, _said(tick), "middle")
    for mark, aim in zip(marks, aims, strict=True):
        bottom, top = mark.ends
        _line(svg, "whisker", x.at(aim), y.at(bottom), x.at(aim), y.at(top))
        _dot(svg, x.at(aim), y.at(mark.value), mark)
    _text(svg, RIGHT, HEIGHT - 2, across, "end")
    _text(svg, LEFT + 4, TOP + 8, up, "start")
    return tostring(svg, encoding="unicode")


def _ends(marks: Iterable[Mark]) -> list[tuple[float, float]]:
    return [mark.ends for mark in marks]


def _edges(
    marks: Sequence[Mark], ends: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Return from where to where to draw: zero and all, but no endless interval."""
    values = [mark.value for mark in marks]
    spans = [high - low for low, high in ends if isfinite(high - low)]
    usual = SPREADS * median(spans or [0.0])
    usual = usual or max(map(abs, values)) or 1.0
    low = max(min(low for low, _ in ends), min(values) - usual)
    high = min(max(high for _, high in ends), max(values) + usual)
    low, high = min(low, 0.0), max(high, 0.0)
    spare = 0.05 * (high - low) or 1.0
    return low - spare, high + spare


def _plot(title: str, edges: tuple[float, float]) -> tuple[Element, Scale]:
    """Return an empty plot with its vertical scale."""
    svg = _svg(title, HEIGHT)
    y = Scale(low=edges[0], high=edges[1], start=BOTTOM, end=TOP)
    for tick in ticks(*edges):
        _line(svg, "grid", LEFT, y.at(tick), RIGHT, y.at(tick))
        _text(svg, LEFT - 5, y.at(tick) + 4, _said(tick), "end")
    return svg, y


def _svg(title: str, height: float) -> Element:
    box = f"0 0 {WIDTH:g} {height:g}"
    return Element("svg", {"viewBox": box, "role": "img", "aria-label": title})


def _zero(svg: Element, y: Scale) -> None:
    _line(svg, "zero", LEFT, y.at(0), RIGHT, y.at(0))


def _line(svg: Element, name: str, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    places = {key: f"{value:.1f}" for key, value in ends.items()}
    SubElement(svg, "line", {"class": name, **places})


def _shape(
    svg: Element, kind: str, name: str, points: Iterable[tuple[float, float]]
) -> None:
    said = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    SubElement(svg, kind, {"class": name, "points": said})


def _dot(svg: Element, x: float, y: float, mark: Mark) -> None:
    name = "doubted" if mark.doubted else "dot"
    places = {"class": name, "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.5"}
    SubElement(SubElement(svg, "circle", places), "title").text = mark.label


def _diamond(svg: Element, x: float, y: float) -> None:
    corners = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)]
    _shape(svg, "polygon", "aim", corners)


def _text(svg: Element, x: float, y: float, said: str, anchor: str) -> None:
    places = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    SubElement(svg, "text", places).text = said


def _said(tick: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(tick) >= size:
            by = 1e3 if letter == "k" else size
            return f"{tick / by:,.10g}{letter}".replace("-", "−")
    return f"{tick:,.10g}".replace("-", "−")


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
