"""Strategies side by side and months in a row, as the back office shows them."""

from collections.abc import Iterator, Sequence
from math import inf

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analytics import checks
from analytics.experiments import Effect
from promotions import charts
from promotions.figures import between, money
from promotions.plots import Mark
from promotions.programme import MOST_LINES, Line, Month, Programme
from promotions.report_tables import Row, Section, drawn, head, profit


def of_programme(told: Programme) -> Iterator[Section]:
    """Yield the programme's page."""
    yield _months(told)
    title = _("Strategies side by side (the newest %s)") % MOST_LINES
    yield strategies(title, told.lines)
    yield _promises(told)


def strategies(title: str, lines: Sequence[Line]) -> Section:
    """Return the forest plot of strategies, and its table."""
    adjusted = adjusted_profits(lines)
    marks = [
        mark
        for line, effect in zip(lines, adjusted, strict=True)
        if (mark := _marked(line, effect))
    ]
    chart = charts.forest(
        marks,
        title=_("Profit of strategies with intervals; the table has the numbers."),
    )
    return Section(
        title=title,
        says=_(
            "Profit for each treated customer against the strategy's own holdout, with "
            "its 95 % interval (looked at once), and what was promised. Intervals and "
            "p allow for the number of strategies (Benjamini–Hochberg), so they are "
            "wider than on a strategy's own page."
        ),
        chart=drawn(chart),
        legend=[("dot", _("measured")), ("aim", _("promised")), *_doubted()],
        columns=[*head(_("Strategy")), _("Promised each"), _("Sizes as drawn")],
        rows=[_line(*pair) for pair in zip(lines, adjusted, strict=True)],
    )


def adjusted_profits(lines: Sequence[Line]) -> list[Effect]:
    """Return lines' profits, adjusted for there being several strategies."""
    profits = [line.result.effects["profit"] for line in lines]
    told = [one.p for one in profits if one.p is not None]
    # In the order of `told`: lines without a p-value are passed over in both.
    p = iter(checks.benjamini_hochberg(told))
    return [
        one if one.p is None else checks.adjusted_interval(one, next(p))
        for one in profits
    ]


def _doubted() -> list[tuple[str, str]]:
    return [("doubted", _("sizes not as drawn: do not believe it"))]


def _marked(line: Line, effect: Effect) -> Mark | None:
    """Draw a strategy; an interval without ends goes from edge to edge."""
    if not effect.estimable:
        return None
    return Mark(
        label=line.strategy.called,
        value=effect.value,
        low=-inf if effect.low is None else effect.low,
        high=inf if effect.high is None else effect.high,
        aim=line.promise.each if line.promise else None,
        doubted=not line.result.as_drawn,
    )


def _line(line: Line, effect: Effect) -> Row:
    row, result = line.strategy, line.result
    plain = profit(
        row.called,
        effect,
        result.treatment,
        result.control,
        row.currency,
    )
    promised = money(line.promise.each, row.currency) if line.promise else ""
    sizes = _("yes") if result.as_drawn else _("no: do not believe it")
    return Row(
        cells=[*plain.cells, promised, sizes],
        link=reverse("strategy_results", args=[row.pk]),
    )


def month_chart(told: Programme) -> str:
    """Draw incremental profit by month."""
    marks = [
        Mark(
            label=date_format(month.first, _("M Y")),
            value=whole.value,
            low=whole.low,
            high=whole.high,
            doubted=not month.result.as_drawn,
        )
        if (whole := month.result.total).estimable
        else None
        for month in told.months
    ]
    title = _("Incremental profit by month; the table has the numbers.")
    return charts.columns(marks, title=title)


def _months(told: Programme) -> Section:
    name, *rest = head(_("Month"))
    return Section(
        title=_("Incremental profit by month (%s)") % told.currency,
        says=_(
            "Everybody who was ever assigned an offer against who is held out of all "
            "of them: what would be missing without the programme. Months are UTC."
        ),
        chart=drawn(month_chart(told)),
        legend=[] if all(m.result.as_drawn for m in told.months) else _doubted(),
        columns=[name, _("As drawn"), *rest, _("Profit in all"), "95 %"],
        rows=[_month(month, told.currency) for month in reversed(told.months)],
    )


def _month(month: Month, currency: str) -> Row:
    result, name = month.result, f"{month.first:%Y-%m}"
    plain = profit(
        # What goes back of it is still to come.
        name if month.whole else _("%s (so far)") % name,
        result.effects["profit"],
        result.treatment,
        result.control,
        currency,
    )
    whole, ends = "", ""
    if result.total.estimable:
        whole = money(result.total.value, currency, whole=True)
        ends = between(result.total, currency, whole=True)
    # Beside the name, where a narrow window shows it too.
    first, *cells = plain.cells
    as_drawn = _("yes") if result.as_drawn else _("no")
    return Row(cells=[first, as_drawn, *cells, whole, ends])


def _promises(told: Programme) -> Section:
    marks = [
        mark
        for line in told.lines
        if (mark := _marked(line, line.result.effects["profit"]))
    ]
    chart = charts.scatter(
        marks,
        title=_("Promised against measured profit; the table above has the numbers."),
        across=_("promised each"),
        up=_("measured each"),
    )
    return Section(
        title=_("Promised against measured"),
        says=_(
            "A dot for each strategy. On the line, promises are kept; below it, they "
            "promised too much. The numbers are in the table of strategies; intervals "
            "here are each strategy's own."
        ),
        chart=drawn(chart),
        legend=[] if all(one.result.as_drawn for one in told.lines) else _doubted(),
    )
