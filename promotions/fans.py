"""Charts of what sold and what is expected to, as inline SVG. Pure; see plots."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, tostring

from promotions.plots import BOTTOM, LEFT, RIGHT, Mark, Scale, line, plot, shape, text

SPARK = (120.0, 28.0)
"""Width and height of a chart within a line of a table."""


def fan(
    past: Sequence[tuple[str, float]],
    marks: Sequence[Mark],
    naive: Sequence[float],
    *,
    title: str,
) -> str:
    """Draw weeks that were, then the expected ones in their interval.

    A mark's `value` with its interval is the forecast; `naive` is dashed beside it.
    Empty without a forecast.
    """
    if not marks:
        return ""
    highs = [mark.ends[1] for mark in marks]
    # Where nothing sells at all, the scale would have no length.
    top = max([*(value for _, value in past), *highs, *naive, 1e-9])
    svg, y = plot(title, (0.0, 1.05 * top))
    x = Scale(low=0, high=len(past) + len(marks) - 1, start=LEFT, end=RIGHT)
    upper = [(x.at(len(past) + n), y.at(m.ends[1])) for n, m in enumerate(marks)]
    lower = [(x.at(len(past) + n), y.at(m.ends[0])) for n, m in enumerate(marks)]
    shape(svg, "polygon", "band", [*upper, *lower[::-1]])
    line(svg, "zero", LEFT, y.at(0), RIGHT, y.at(0))
    was = [(x.at(n), y.at(value)) for n, (_, value) in enumerate(past)]
    to_come = [(x.at(len(past) + n), y.at(m.value)) for n, m in enumerate(marks)]
    shape(svg, "polyline", "line", was)
    # From the last week that was: a line, not two.
    shape(svg, "polyline", "aim", [*was[-1:], *to_come])
    flat = [(x.at(len(past) + n), y.at(value)) for n, value in enumerate(naive)]
    shape(svg, "polyline", "equal plain", flat)
    labels = [*(label for label, _ in past), *(mark.label for mark in marks)]
    for at in sorted({0, max(len(past) - 1, 0), len(labels) - 1}):
        anchor = "start" if at == 0 else "end" if at == len(labels) - 1 else "middle"
        text(svg, x.at(at), BOTTOM + 16, labels[at][:7], anchor)
    return tostring(svg, encoding="unicode")


def spark(past: Sequence[float], ahead: Sequence[float], *, title: str) -> str:
    """Draw the same without a scale, small enough for a table's cell."""
    width, height = SPARK
    box = f"0 0 {width:g} {height:g}"
    places = {"viewBox": box, "role": "img", "aria-label": title, "class": "spark"}
    svg = Element("svg", places)
    values = [*past, *ahead]
    if len(values) < 2:
        return ""
    x = Scale(low=0, high=len(values) - 1, start=1, end=width - 1)
    y = Scale(low=0, high=max([*values, 1e-9]), start=height - 2, end=2)
    points = [(x.at(n), y.at(value)) for n, value in enumerate(values)]
    shape(svg, "polyline", "line", points[: len(past)])
    shape(svg, "polyline", "aim", points[max(len(past) - 1, 0) :])
    return tostring(svg, encoding="unicode")
