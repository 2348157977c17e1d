"""A quarter's plan as the back office shows it: figures, and tables with charts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from catalog import holidays, market_calendar
from catalog.market_calendar import MarketDay
from promotions import (
    charts,
    models,
    quarter_best,
    quarter_proposals,
    quarter_weeks,
    quarters,
)
from promotions.figures import money
from promotions.quarter_best import Limits
from promotions.quarter_forms import Asked
from promotions.quarter_plans import Plan
from promotions.quarter_weeks import WEEK, Quarter
from promotions.quarters import Line, Outlook, Part
from promotions.report_tables import Card, Row, Section, drawn

MOST_SHARED = 20
EPOCH = date(2000, 1, 3)
OVER = 0.5
"""In coins: less than that over a budget is rounding."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page tells of: the plan as it is asked for."""

    asked: Asked
    plan: Plan
    budget: models.Quarter | None
    spent: Sequence[float]

    @property
    def quarter(self) -> Quarter:
        return self.asked.quarter

    @cached_property
    def lines(self) -> list[Line]:
        return self.asked.chosen(self.plan)

    @cached_property
    def found(self) -> Outlook:
        return quarters.outlook(
            self.lines, self.plan.shared, self.quarter, now=self.asked.now
        )

    @cached_property
    def weeks(self) -> list[float] | None:
        """Each week's budget."""
        if self.budget is None:
            return None
        fixed = [None if one is None else float(one) for one in self.budget.weeks]
        return quarter_weeks.budgets(float(self.budget.budget), fixed)

    @property
    def limits(self) -> Limits:
        """What may still be given, once what nobody can plan is taken off."""
        # What nobody knows the gain of is given anyway, and is not for others to spend.
        kept = quarter_best.committed(self.lines, self.quarter, now=self.asked.now)
        weeks = np.full(self.quarter.weeks, np.inf)
        if self.budget is None:
            return Limits(total=np.inf, weeks=weeks)
        for week, amount in enumerate(self.budget.weeks):
            if amount is not None:
                weeks[week] = max(0.0, float(amount) - self.spent[week] - kept[week])
        # All that was given, also by what has ended since.
        total = float(self.budget.budget) - sum(self.spent) - float(kept.sum())
        return Limits(total=max(0.0, total), weeks=weeks)

    @property
    def changed(self) -> list[Line]:
        """What would be proposed: what was added, moved or given another amount."""
        before = {one.key: one for one in self.plan.lines}
        return [
            one
            for one in self.lines
            if (one.state == "added" or quarter_proposals.differs(before[one.key], one))
            # Less than a coin is nothing to propose.
            and one.money >= 0.01
        ]


def answer(shown: Shown) -> dict[str, Any]:
    """Return what is told of a plan."""
    return {
        "cards": list(_cards(shown)),
        "sections": [_by_line(shown), _by_week(shown), _shared(shown)],
        "changed": len(shown.changed),
        "unknown": sum(not one.known for one in shown.lines),
    }


def _amount(value: float) -> str:
    return money(value, settings.CURRENCY, whole=True).lstrip("+")


def _ends(part: Part) -> str:
    low, high = (
        money(end, settings.CURRENCY, whole=True) for end in (part.low, part.high)
    )
    low = low.removesuffix(f" {settings.CURRENCY}")
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def _cards(shown: Shown) -> Iterator[Card]:
    total, given = shown.found.total, sum(shown.spent)
    if shown.budget is not None:
        budget = float(shown.budget.budget)
        yield Card(name=_("Budget"), value=_amount(budget))
    yield Card(name=_("Given so far"), value=_amount(given))
    yield Card(name=_("To be given"), value=_amount(total.cost))
    if shown.budget is not None:
        left = budget - given - total.cost
        name = _("Left") if left > -OVER else _("Over the budget")
        yield Card(name=name, value=_amount(abs(left)))
    yield Card(
        name=_("Margin gained"),
        value=money(total.margin, settings.CURRENCY, whole=True),
        detail=_("80 %%: %s") % _ends(total),
    )
    if total.taken > OVER:
        yield Card(name=_("Lost to each other"), value=_amount(total.taken))


def _by_line(shown: Shown) -> Section:
    return Section(
        title=_("What strategies cost and bring"),
        says=_(
            "In this quarter, from now on: by what is believed of customers now, and "
            "by the demand that is forecast. What was given is not counted again."
        ),
        columns=[
            *(_("Strategy"), _("When"), _("To be given"), _("Margin gained")),
            *("80 %", _("Lost to others")),
        ],
        rows=[_line(one, shown.found.lines[one.key]) for one in shown.lines],
    )


def _line(line: Line, part: Part) -> Row:
    link = ""
    if line.state != "added":
        link = reverse("admin:promotions_strategy_change", args=[line.key])
    brings = [_("nobody knows"), "", ""]
    if line.known:
        gained = money(part.margin, settings.CURRENCY, whole=True)
        brings = [gained, _ends(part), _amount(part.taken)]
    # Half-open: what ends at midnight has the day before as its last.
    ends = line.ends_at - timedelta(microseconds=1)
    days = localtime(line.starts_at).date(), localtime(ends).date()
    when = _("%(low)s to %(high)s") % {"low": days[0], "high": days[1]}
    return Row(cells=[line.title, when, _amount(part.cost), *brings], link=link)


def _by_week(shown: Shown) -> Section:
    quarter, found = shown.quarter, shown.found
    free = market_calendar.days(quarter.first, quarter.after.first)
    labels = [f"{monday:%m-%d}" for monday in quarter.mondays]
    costs = [
        (label, given + part.cost)
        for label, given, part in zip(labels, shown.spent, found.weeks, strict=True)
    ]
    title = _("Given and to be given by week, with the week's budget")
    return Section(
        title=_("By week"),
        says=_(
            "A week's budget is what it is fixed to, or an even part of what is not "
            "fixed. Weeks begin on Monday (UTC)."
        ),
        chart=drawn(charts.bars(costs, title=title, limits=shown.weeks or ())),
        legend=[("band", _("discounts")), ("dashes", _("the budget"))],
        columns=[
            *(_("Week from"), _("Holidays"), _("Budget"), _("Given"), _("To be given")),
            *(_("Left"), _("Margin gained"), "80 %"),
        ],
        rows=[_week(shown, n, free) for n in range(quarter.weeks)],
    )


def _week(shown: Shown, number: int, free: Sequence[MarketDay]) -> Row:
    monday, part = shown.quarter.mondays[number], shown.found.weeks[number]
    first, after = monday.date(), (monday + WEEK).date()
    given, budget = shown.spent[number], ["", ""]
    if shown.weeks is not None:
        left = shown.weeks[number] - given - part.cost
        told = _amount(left) if left > -OVER else _("%s over") % _amount(-left)
        budget = [_amount(shown.weeks[number]), told]
    # Of a week that is over nothing is to be given: its gain is in no plan.
    over = monday + WEEK <= shown.asked.now
    brings = ["", ""] if over else [money(part.margin, settings.CURRENCY, whole=True)]
    return Row(
        cells=[
            monday.date().isoformat(),
            _named([one.name for one in free if first <= one.day < after]),
            budget[0],
            _amount(given) if monday <= shown.asked.now else "",
            "" if over else _amount(part.cost),
            budget[1],
            *(brings if over else [*brings, _ends(part)]),
        ]
    )


def _named(days: Sequence[str]) -> str:
    """Write days' names in the language that they are in."""
    if not days:
        return ""
    # An empty span: only the language of the names is asked for.
    language = holidays.between(EPOCH, EPOCH).language
    told = '<span class="days" lang="{}">{}</span>'
    return format_html(told, language, ", ".join(days))


def _shared(shown: Shown) -> Section:
    names = {one.key: one.title for one in shown.lines}
    pairs = [
        one for one in shown.plan.shared if one.first in names and one.second in names
    ]
    pairs.sort(key=lambda one: -(one.first_loses + one.second_loses))
    return Section(
        title=_("What strategies take from each other"),
        says=_(
            "If both ran whole and at one time. Assumed: at a customer who is worth "
            "both, the smaller of their gains on the goods of both is lost, since "
            "goods are sold once. What offers sell that is missing later, or "
            "elsewhere, each strategy's margin has inside already."
        )
        if pairs
        else _("None of them are about the same goods and the same customers."),
        columns=[
            *(_("Strategy"), _("And"), _("Customers of both")),
            *(_("The first loses"), _("The second loses")),
        ]
        if pairs
        else [],
        rows=[
            Row(
                cells=[
                    *(names[one.first], names[one.second], f"{one.customers:,.0f}"),
                    *map(_amount, (one.first_loses, one.second_loses)),
                ]
            )
            for one in pairs[:MOST_SHARED]
        ],
    )
