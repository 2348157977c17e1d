"""Strategies side by side and months in a row, as the back office shows them."""

from collections.abc import Iterator, Sequence

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from promotions import charts
from promotions.charts import Mark
from promotions.figures import between, money
from promotions.programme import Line, Month, Programme
from promotions.report_tables import Row, Section, drawn, head, profit


def of_programme(told: Programme) -> Iterator[Section]:
    """Yield the programme's page."""
    yield _months(told)
    yield strategies(_("Strategies side by side"), told.lines)
    yield _promises(told)


def strategies(title: str, lines: Sequence[Line]) -> Section:
    """Return the forest plot of strategies, and its table."""
    chart = charts.forest(
        [mark for line in lines if (mark := _marked(line))],
        title=_("Profit of strategies with intervals; the table has the numbers."),
    )
    return Section(
        title=title,
        says=_(
            "Profit for each treated customer against the strategy's own holdout, with "
            "its 95 % interval (looked at once), and what was promised."
        ),
        chart=drawn(chart),
        legend=[
            ("dot", _("measured")),
            ("aim", _("promised")),
            ("doubted", _("sizes not as drawn: do not believe it")),
        ],
        columns=[*head(_("Strategy")), _("Promised each"), _("Sizes as drawn")],
        rows=[_line(line) for line in lines],
    )


def _marked(line: Line) -> Mark | None:
    if line.profit is None:
        return None
    return Mark(
        label=line.strategy.title,
        value=line.profit.value,
        low=line.profit.low,
        high=line.profit.high,
        aim=line.promise.each if line.promise else None,
        doubted=not line.result.as_drawn,
    )


def _line(line: Line) -> Row:
    row, result = line.strategy, line.result
    plain = profit(
        row.title,
        result.effects["profit"],
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


def _months(told: Programme) -> Section:
    marks = [
        Mark(
            label=date_format(month.first, "M Y"),
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
    return Section(
        title=_("Incremental profit by month (%s)") % told.currency,
        says=_(
            "Everybody who was ever assigned an offer against who is held out of all "
            "of them: what would be missing without the programme. Months are UTC."
        ),
        chart=drawn(charts.columns(marks, title=title)),
        columns=[*head(_("Month")), _("Profit in all"), "95 %"],
        rows=[_month(month, told.currency) for month in reversed(told.months)],
    )


def _month(month: Month, currency: str) -> Row:
    result, name = month.result, f"{month.first:%Y-%m}"
    plain = profit(
        name if month.whole else _("%s (so far)") % name,
        result.effects["profit"],
        result.treatment,
        result.control,
        currency,
    )
    if not result.total.estimable:
        return plain
    whole = money(result.total.value, currency, whole=True)
    return Row(cells=[*plain.cells, whole, between(result.total, currency, whole=True)])


def _promises(told: Programme) -> Section:
    marks = [mark for line in told.lines if (mark := _marked(line))]
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
            "promised too much. The numbers are in the table of strategies."
        ),
        chart=drawn(chart),
    )
