import re
from itertools import pairwise
from math import inf
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions import charts, plots
from promotions.plots import Mark, Scale, ticks

MONEY = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def marks(draw: st.DrawFn) -> Mark:
    value = draw(MONEY)
    half, more = draw(st.floats(0, 1e9)), draw(st.floats(0, 1e9))
    known = draw(st.booleans())
    return Mark(
        label=draw(st.text(st.characters(exclude_categories=["C"]), max_size=80)),
        value=value,
        low=value - half if known else None,
        high=value + half if known else None,
        wide_low=value - half - more if known else None,
        wide_high=value + half + more if known else None,
        aim=draw(st.none() | MONEY),
        doubted=draw(st.booleans()),
    )


def drawn(some: list[Mark]) -> list[str]:
    return [
        charts.by_day(some, title="a"),
        charts.columns(some, title="b"),
        charts.forest(some, title="c"),
        charts.scatter(some, title="d", across="x", up="y"),
    ]


@given(st.lists(marks(), min_size=1, max_size=12))
def test_nothing_is_drawn_outside_the_chart(some: list[Mark]) -> None:
    for svg in filter(None, drawn(some)):
        root = ElementTree.fromstring(svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for element in root.iter():
            for name, value in element.attrib.items():
                if name in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(value) <= width
                if name in ("y", "y1", "y2", "cy"):
                    assert 0 <= float(value) <= height
                if name == "points":
                    for x, y in (pair.split(",") for pair in value.split()):
                        assert 0 <= float(x) <= width
                        assert 0 <= float(y) <= height


@given(MONEY, st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_inside(low: float, width: float) -> None:
    found = ticks(low, low + width)

    step = min((b - a for a, b in pairwise(found)), default=1.0)
    slack = 1e-6 * width
    assert 1 <= len(found) <= 6
    assert all(low - slack <= tick <= low + width + slack for tick in found)
    assert re.fullmatch(r"[125](\.0*)?e[+-]\d+", f"{step:.3e}")


def test_a_width_that_no_float_divides_has_the_one_tick() -> None:
    assert ticks(0.0, 5e-324) == [0.0]


def test_nothing_to_show_is_no_chart() -> None:
    assert drawn([]) == ["", "", "", ""]
    assert charts.by_day([Mark(label="1 Mar", value=1.0)], title="a") == ""
    assert (
        charts.scatter([Mark(label="a", value=1.0)], title="", across="", up="") == ""
    )


def test_a_title_is_text_and_never_markup() -> None:
    evil = Mark(label='<script>"&', value=1.0, low=0.0, high=2.0, aim=1.0)

    for svg in drawn([evil, evil]):
        assert "<script" not in svg
        ElementTree.fromstring(svg)
    assert "&lt;script&gt;" in charts.forest([evil], title="c")


def test_a_chart_says_what_it_is_to_who_cannot_see_it() -> None:
    some = [Mark(label="a", value=1.0, aim=1.0), Mark(label="b", value=2.0)]

    for svg in drawn(some):
        root = ElementTree.fromstring(svg)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]


@pytest.mark.parametrize(
    ("value", "place"), [(0, 10), (5, 60), (10, 110), (-3, 10), (99, 110)]
)
def test_what_is_beyond_the_edge_is_drawn_at_it(value: float, place: float) -> None:
    assert Scale(low=0, high=10, start=10, end=110).at(value) == place


def test_one_endless_interval_does_not_flatten_the_others() -> None:
    usual = [Mark(label=str(k), value=1.0, low=0.0, high=2.0) for k in range(9)]
    wild = Mark(label="wild", value=1.0, low=-1e6, high=1e6)

    svg = charts.columns([*usual, wild], title="a")

    root = ElementTree.fromstring(svg)
    heights = [
        abs(float(line.attrib["y1"]) - float(line.attrib["y2"]))
        for line in root.iter("line")
        if line.attrib["class"] == "whisker"
    ]
    assert min(heights) > 20


def test_on_the_line_of_equality_promises_are_kept() -> None:
    kept = [Mark(label=str(k), value=k, low=k - 1, high=k + 1, aim=k) for k in (1, 4)]

    root = ElementTree.fromstring(charts.scatter(kept, title="", across="", up=""))

    (line,) = (one for one in root.iter("line") if one.attrib["class"] == "equal")
    x1, y1, x2, y2 = (float(line.attrib[name]) for name in ("x1", "y1", "x2", "y2"))
    for dot in root.iter("circle"):
        x, y = float(dot.attrib["cx"]), float(dot.attrib["cy"])
        assert y == pytest.approx(y1 + (x - x1) * (y2 - y1) / (x2 - x1), abs=0.2)


def test_a_month_without_a_number_leaves_its_place_free() -> None:
    mark = Mark(label="a", value=1.0)

    root = ElementTree.fromstring(charts.columns([mark, None, mark], title="a"))

    first, last = (float(dot.attrib["cx"]) for dot in root.iter("circle"))
    assert last - first == pytest.approx(2 / 3 * (plots.RIGHT - plots.LEFT), abs=0.2)
    assert charts.columns([None], title="a") == ""


@pytest.mark.parametrize(
    ("high", "said"), [(40, "40"), (4_000, "4,000"), (40_000, "40k"), (4e6, "4M")]
)
def test_large_amounts_are_written_short(high: float, said: str) -> None:
    mark = Mark(label="a", value=high, low=0.0, high=high)

    svg = charts.columns([mark], title="a")

    assert said in [text.text for text in ElementTree.fromstring(svg).iter("text")]


def test_what_is_doubted_is_drawn_hollow() -> None:
    svg = charts.forest([Mark(label="a", value=1.0, doubted=True)], title="c")

    assert 'class="doubted"' in svg
    assert 'class="dot"' not in svg


def test_endless_intervals_go_from_edge_to_edge_and_flatten_nothing() -> None:
    endless = [Mark(label="?", value=0.1, low=-inf, high=inf)] * 3
    known = Mark(label="!", value=2.0, low=1.0, high=3.0)

    svg = charts.forest([*endless, known], title="Some")

    lines = re.findall(r'class="whisker" x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"', svg)
    spans = [float(right) - float(left) for left, right in lines]
    assert len(spans) == 4
    assert spans[0] == spans[1] == spans[2] == plots.RIGHT - 10
    assert 0.1 < spans[3] / spans[0] < 0.9


@given(st.lists(st.floats(0, 1e9), max_size=20), st.integers(2, 20), st.floats(0, 1e9))
def test_what_grew_stays_inside_and_beside_an_even_growth(
    steps: list[float], days: int, most: float
) -> None:
    svg = charts.grown(
        steps[:days], [str(n) for n in range(days)], most=most, title="Spent"
    )

    drawn_points = " ".join(re.findall(r'points="([^"]*)"', svg))  # labels have commas
    for x, y in (pair.split(",") for pair in drawn_points.split()):
        assert 0 <= float(x) <= plots.WIDTH
        assert 0 <= float(y) <= plots.HEIGHT
    assert drawn_points
    assert svg.count('class="equal"') == 1
    assert charts.grown([], ["1"], most=1, title="Spent") == ""
