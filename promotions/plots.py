"""What charts are made of: marks, scales, and an empty plot with its lines. Pure.

Drawn for a width of 360 and scaled with the page; colours are the page's, by class.
Whatever is beyond the edge is drawn at the edge, so that a first day's endless interval
does not flatten all others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from statistics import median
from xml.etree.ElementTree import Element, SubElement

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


def ends(marks: Iterable[Mark]) -> list[tuple[float, float]]:
    return [mark.ends for mark in marks]


def edges(
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


def plot(title: str, edges: tuple[float, float]) -> tuple[Element, Scale]:
    """Return an empty plot with its vertical scale."""
    svg = empty(title, HEIGHT)
    y = Scale(low=edges[0], high=edges[1], start=BOTTOM, end=TOP)
    for tick in ticks(*edges):
        line(svg, "grid", LEFT, y.at(tick), RIGHT, y.at(tick))
        text(svg, LEFT - 5, y.at(tick) + 4, said(tick), "end")
    return svg, y


def empty(title: str, height: float) -> Element:
    box = f"0 0 {WIDTH:g} {height:g}"
    return Element("svg", {"viewBox": box, "role": "img", "aria-label": title})


def zero(svg: Element, y: Scale) -> None:
    line(svg, "zero", LEFT, y.at(0), RIGHT, y.at(0))


def line(svg: Element, name: str, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    places = {key: f"{value:.1f}" for key, value in ends.items()}
    SubElement(svg, "line", {"class": name, **places})


def shape(
    svg: Element, kind: str, name: str, points: Iterable[tuple[float, float]]
) -> None:
    said = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    SubElement(svg, kind, {"class": name, "points": said})


def dot(svg: Element, x: float, y: float, mark: Mark) -> None:
    name = "doubted" if mark.doubted else "dot"
    places = {"class": name, "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.5"}
    SubElement(SubElement(svg, "circle", places), "title").text = mark.label


def diamond(svg: Element, x: float, y: float) -> None:
    corners = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)]
    shape(svg, "polygon", "aim", corners)


def text(svg: Element, x: float, y: float, said: str, anchor: str) -> None:
    places = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    SubElement(svg, "text", places).text = said


def said(tick: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(tick) >= size:
            by = 1e3 if letter == "k" else size
            return f"{tick / by:,.10g}{letter}".replace("-", "−")
    return f"{tick:,.10g}".replace("-", "−")


def short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
