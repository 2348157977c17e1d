"""A strategy on past weeks, as its page in the back office shows it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from promotions import backtest_runs, charts
from promotions.models import Backtest, Strategy
from promotions.past_weeks import Week
from promotions.plots import Mark
from promotions.report_tables import Row, Section, drawn, share

CHOICES = (4, 12, 26, 52)
"""How many weeks somebody may ask for on the page."""
STATES = {
    "waiting": gettext_lazy("It waits for a worker."),
    "running": gettext_lazy("A worker is at it; the page looks again by itself."),
    "failed": gettext_lazy("It failed: %s"),
}

WAITING = ("waiting", "running")


def section(strategy: Strategy) -> Section | None:
    """Return the weeks of the newest backtest, or of the proposal's own trial."""
    row = strategy.backtests.order_by("-created_at").first()
    if row is None:
        kept = strategy.forecast.get("tried", {}).get("weeks", [])
        weeks = msgspec.convert(kept, list[Week])
        return _section(weeks, strategy, says="") if weeks else None
    return _section(
        backtest_runs.weeks(row), strategy, says=_state(row), waits=row.state in WAITING
    )


def _state(row: Backtest) -> str:
    said = _("%(done)s of %(weeks)s weeks.") % {
        "done": len(row.found),
        "weeks": row.weeks,
    }
    state = STATES.get(row.state)
    if state is None:
        return said
    more = str(state)
    return f"{said} {more % row.error if row.state == 'failed' else more}"


def _section(
    weeks: Sequence[Week], strategy: Strategy, *, says: str, waits: bool = False
) -> Section:
    title = _("Week by week")
    marks = [_mark(week) for week in weeks]
    return Section(
        title=title,
        says=f"{_note(strategy)} {says}",
        chart=drawn(charts.columns(marks, title=_("Baskets that get it, %"))),
        legend=[("dot", _("baskets that get it, %"))],
        columns=[
            *(_("Week from"), _("Orders"), _("Tried"), _("Get it")),
            *(_("Customers among the tried"), _("Cost of all orders")),
            *(_("Worst basket"), _("Least margin left"), _("At a floor")),
        ],
        rows=[_row(week, strategy) for week in reversed(weeks)],
        waits=waits,
    )


def _mark(week: Week) -> Mark | None:
    """Return the week's share; a week of which nothing was tried has none."""
    if not week.baskets:
        return None
    value = 100 * week.touched / week.baskets
    return Mark(label=date_format(week.since, _("j M")), value=value)


def _note(strategy: Strategy) -> str:
    if strategy.kind == "shipping":
        return _("The log does not tell what shipping cost.")
    if strategy.trigger == "offer":
        return _("As if everybody had the variant that gives them most.")
    if strategy.trigger == "code":
        return _("As if everybody entered the code.")
    return _("Of a sample of each week's orders; the cost is that of all of them.")


def _row(week: Week, strategy: Strategy) -> Row:
    stopped = _("%s: time was over") % f"{week.baskets:,}"
    shares = [f"{100 * one:.1f} %" for one in (week.worst, week.kept)]
    cells: list[Any] = [
        date_format(week.since, "Y-m-d"),
        f"{week.orders:,}",
        stopped if week.stopped else f"{week.baskets:,}",
        share(week.touched, week.baskets),
        f"{week.customers:,}",
        f"{week.cost:,} {strategy.currency}",
        *(shares if week.touched else ["", ""]),
        f"{week.floored:,}",
    ]
    return Row(cells=cells)
