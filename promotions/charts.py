"""Charts of reports as inline SVG: numbers in, markup out. Pure.

What they are made of is in promotions.plots. The page has every number in a table
beside the chart.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import SubElement, tostring

from promotions import plots
from promotions.plots import BOTTOM, HEIGHT, LEFT, RIGHT, ROW, TOP, Mark, Scale


def by_day(marks: Sequence[Mark], *, title: str) -> str:
    """Draw a value over time in its interval, and in the wider one that always holds.

    Empty for fewer than two marks.
    """
    if len(marks) < 2:
        return ""
    svg, y = plots.plot(title, plots.edges(marks, [mark.wide for mark in marks]))
    x = Scale(low=0, high=len(marks) - 1, start=LEFT, end=RIGHT)
    for name, ends in (("wide", [m.wide for m in marks]), ("band", plots.ends(marks))):
        upper = [(x.at(i), y.at(high)) for i, (_, high) in enumerate(ends)]
        lower = [(x.at(i), y.at(low)) for i, (low, _) in enumerate(ends)]
        plots.shape(svg, "polygon", name, [*upper, *lower[::-1]])
    plots.zero(svg, y)
    line = [(x.at(i), y.at(mark.value)) for i, mark in enumerate(marks)]
    plots.shape(svg, "polyline", "line", line)
    for i in sorted({0, len(marks) // 2, len(marks) - 1}):
        anchor = "start" if i == 0 else "end" if i == len(marks) - 1 else "middle"
        plots.text(svg, x.at(i), BOTTOM + 16, marks[i].label, anchor)
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
    svg, y = plots.plot(title, (min(values) - spare, max(values) + spare))
    x = Scale(low=0, high=last, start=LEFT, end=RIGHT)
    # All of them, so that an empty line's class goes to no other.
    for name, line in zip(LINES, lines, strict=False):
        points: list[tuple[float, float]] = []
        for at, value in line:
            if points:
                points.append((x.at(at), points[-1][1]))
            points.append((x.at(at), y.at(value)))
        if points:
            plots.shape(
                svg, "polyline", f"line {name}", [*points, (RIGHT, points[-1][1])]
            )
    plots.text(svg, LEFT, BOTTOM + 16, ends[0], "start")
    plots.text(svg, RIGHT, BOTTOM + 16, ends[1], "end")
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
    svg, y = plots.plot(title, plots.edges(values, plots.ends(values)))
    right = marks[-1][0]
    # A `here` that is far off stands at the edge, and does not squeeze the curve.
    right = max(right, min(here, 1.25 * right))
    x = Scale(low=0, high=right, start=LEFT, end=RIGHT)
    upper = [(x.at(at), y.at(mark.ends[1])) for at, mark in marks]
    lower = [(x.at(at), y.at(mark.ends[0])) for at, mark in marks]
    plots.shape(svg, "polygon", "band", [*upper, *lower[::-1]])
    plots.zero(svg, y)
    line = [(x.at(at), y.at(mark.value)) for at, mark in marks]
    plots.shape(svg, "polyline", "line", line)
    plots.line(svg, "equal", x.at(here), TOP, x.at(here), BOTTOM)
    for tick in plots.ticks(0, right):
        plots.text(svg, x.at(tick), BOTTOM + 14, plots.said(tick), "middle")
    plots.text(svg, RIGHT, HEIGHT - 2, across, "end")
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
    svg, y = plots.plot(title, (0.0, 1.05 * top))
    x = Scale(low=0, high=len(labels), start=LEFT, end=RIGHT)
    plots.line(svg, "equal", LEFT, y.at(0), RIGHT, y.at(most))
    line = [(LEFT, y.at(0)), *((x.at(i + 1), y.at(v)) for i, v in enumerate(values))]
    plots.shape(svg, "polygon", "band", [*line, (line[-1][0], y.at(0))])
    plots.shape(svg, "polyline", "line", line)
    plots.zero(svg, y)
    for i in sorted({0, len(labels) // 2, len(labels) - 1}):
        anchor = "start" if i == 0 else "end" if i == len(labels) - 1 else "middle"
        plots.text(svg, x.at(i if i == 0 else i + 1), BOTTOM + 16, labels[i], anchor)
    return tostring(svg, encoding="unicode")


def columns(places: Sequence[Mark | None], *, title: str) -> str:
    """Draw values side by side with their intervals; empty for none.

    None is a place that is left free.
    """
    marks = [mark for mark in places if mark]
    if not marks:
        return ""
    svg, y = plots.plot(title, plots.edges(marks, plots.ends(marks)))
    x = Scale(low=-0.5, high=len(places) - 0.5, start=LEFT, end=RIGHT)
    plots.zero(svg, y)
    every = -(-len(places) // 6)
    for i, mark in enumerate(places):
        if mark is None:
            continue
        low, high = mark.ends
        plots.line(svg, "whisker", x.at(i), y.at(low), x.at(i), y.at(high))
        plots.dot(svg, x.at(i), y.at(mark.value), mark)
        if i % every == 0:
            plots.text(svg, x.at(i), BOTTOM + 16, mark.label, "middle")
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
    svg, y = plots.plot(title, (0.0, 1.05 * highest))
    x = Scale(low=0, high=len(values), start=LEFT, end=RIGHT)
    plots.zero(svg, y)
    every = -(-len(values) // 5)
    for i, (label, value) in enumerate(values):
        left, right, top = x.at(i + 0.1), x.at(i + 0.9), y.at(value)
        corners = {"x": left, "y": top, "width": right - left, "height": BOTTOM - top}
        places = {name: f"{place:.1f}" for name, place in corners.items()}
        bar = SubElement(svg, "rect", {"class": "bar", **places})
        SubElement(bar, "title").text = f"{label}: {value:,.10g}"
        if i % every == 0:
            plots.text(svg, x.at(i + 0.5), BOTTOM + 16, label, "middle")
    for i, limit in enumerate(limits):
        plots.line(svg, "equal", x.at(i), y.at(limit), x.at(i + 1), y.at(limit))
    return tostring(svg, encoding="unicode")


def forest(marks: Sequence[Mark], *, title: str) -> str:
    """Draw values one below the other with intervals and aims; empty for none."""
    if not marks:
        return ""
    low, high = plots.edges(marks, plots.ends(marks))
    bottom = TOP + ROW * len(marks)
    svg = plots.empty(title, bottom + 24)
    x = Scale(low=low, high=high, start=10.0, end=RIGHT)
    for tick in plots.ticks(low, high):
        plots.text(svg, x.at(tick), bottom + 16, plots.said(tick), "middle")
    for i, mark in enumerate(marks):
        middle, (left, right) = TOP + ROW * i + 26, mark.ends
        for tick in plots.ticks(low, high):  # not through the labels
            name = "grid" if tick else "zero"
            plots.line(svg, name, x.at(tick), middle - 8, x.at(tick), middle + 9)
        plots.text(svg, 10, middle - 12, plots.short(mark.label), "start")
        plots.line(svg, "whisker", x.at(left), middle, x.at(right), middle)
        plots.dot(svg, x.at(mark.value), middle, mark)
        if mark.aim is not None:
            plots.diamond(svg, x.at(mark.aim), middle)
    return tostring(svg, encoding="unicode")


def scatter(marks: Sequence[Mark], *, title: str, across: str, up: str) -> str:
    """Draw values against their aims, with the line on which both are equal.

    Marks without an aim are left out; empty for none.
    """
    marks = [mark for mark in marks if mark.aim is not None]
    if not marks:
        return ""
    aims = [mark.aim for mark in marks if mark.aim is not None]
    svg, y = plots.plot(title, plots.edges(marks, plots.ends(marks)))
    spare = 0.1 * (max(*aims, 0.0) - min(*aims, 0.0)) or 1.0
    x = Scale(
        low=min(*aims, 0.0) - spare, high=max(*aims, 0.0) + spare, start=LEFT, end=RIGHT
    )
    low, high = max(x.low, y.low), min(x.high, y.high)
    plots.line(svg, "equal", x.at(low), y.at(low), x.at(high), y.at(high))
    for tick in plots.ticks(x.low, x.high):
        plots.text(svg, x.at(tick), BOTTOM + 14, plots.said(tick), "middle")
    for mark, aim in zip(marks, aims, strict=True):
        bottom, top = mark.ends
        plots.line(svg, "whisker", x.at(aim), y.at(bottom), x.at(aim), y.at(top))
        plots.dot(svg, x.at(aim), y.at(mark.value), mark)
    plots.text(svg, RIGHT, HEIGHT - 2, across, "end")
    plots.text(svg, LEFT + 4, TOP + 8, up, "start")
    return tostring(svg, encoding="unicode")
