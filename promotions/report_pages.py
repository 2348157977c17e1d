"""Reports as the back office shows them, below the cards: charts and tables.

Every chart has its numbers in a table beside it. Cells are text, written here; what is
not estimable is a reason instead of a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.experiments import total
from ml.models import CustomerProfile
from promotions import charts, findings, funnels, missing, report_lines, reports
from promotions.figures import between, money, number
from promotions.models import Strategy
from promotions.plots import Mark
from promotions.programme import Line
from promotions.report_tables import Row, Section, drawn, gap, head, p_of, profit, share
from promotions.reports import Day, Part, Report

METRICS: Mapping[str, Any] = {
    "revenue": gettext_lazy("Revenue"),
    "margin": gettext_lazy("Margin before discounts"),
    "profit": gettext_lazy("Profit: margin less discounts"),
    "discount": gettext_lazy("Discounts given"),
    "orders": gettext_lazy("Orders"),
    "returned": gettext_lazy("Sent back"),
    "refusals": gettext_lazy("Wants no more offers"),
}
COUNTS = ("orders", "refusals")
"""Metrics that are no money."""
SEGMENTS = dict(CustomerProfile.Segment.choices)


def of_strategy(strategy: Strategy, report: Report) -> Iterator[Section]:
    """Yield a strategy's page, from top to bottom; nothing of nobody."""
    if report.result.empty:
        return
    yield from _common(report)
    yield _funnel(funnels.funnel(strategy, report), strategy.currency)
    yield _spent(strategy, report.through)
    yield _parts(
        _("By variant"),
        findings.of_variants(report, reports.by_lot(strategy)),
        [replace(one, name=strategy.words(one.name)) for one in report.variants],
        report.currency,
    )
    yield from _slices(report)


def of_campaign(report: Report, lines: Sequence[Line]) -> Iterator[Section]:
    """Yield a campaign's page."""
    if not report.result.empty:
        yield from _common(report)
    yield report_lines.strategies(_("Its strategies"), lines)
    if not report.result.empty:
        yield from _slices(report)


def _common(report: Report) -> Iterator[Section]:
    yield _by_day(report)
    yield _effects(report)
    yield _washout(report)
    if missing.why_shown(report.shown) != "nobody_shown":
        yield _shown(report)


def _by_day(report: Report) -> Section:
    told = [day for day in report.days if day.profit.estimable]
    title = _("Profit for each customer by day; the table has the numbers.")
    return Section(
        title=_("Profit for each customer (%s), as known day by day") % report.currency,
        says=_(
            "Each day holds all days before it (UTC). The inner band is right if you "
            "look once, on a day fixed before; the outer one however often you look."
        ),
        chart=drawn(charts.by_day([_dated(day) for day in told], title=title)),
        legend=[("band", _("95 %, looked at once")), ("wide", _("95 %, always"))],
        columns=[
            *(_("Day"), _("Profit each"), _("95 %, looked at once"), _("95 %, always")),
            *(_("Treated"), _("Held back")),
        ],
        rows=[_day(day, report.currency) for day in reversed(told)],
        folded=True,
    )


def _dated(day: Day) -> Mark:
    return Mark(
        label=date_format(day.day, _("j M")),
        value=day.profit.value,
        low=day.profit.low,
        high=day.profit.high,
        wide_low=day.always.low,
        wide_high=day.always.high,
    )


def _day(day: Day, currency: str) -> Row:
    return Row(
        cells=[
            *(day.day.isoformat(), money(day.profit.value, currency)),
            *(between(day.profit, currency), between(day.always, currency)),
            *(f"{day.treatment:,}", f"{day.control:,}"),
        ]
    )


def _effects(report: Report) -> Section:
    says = _(
        "The treated less those held back, for each treated customer; what was "
        "sent back is taken off."
    )
    if not missing.why_lift(report):
        lift = report.lift
        ends = {"value": lift.value, "low": lift.low, "high": lift.high}
        said = {n: f"{number(100 * (end or 0), '+.1f')} %" for n, end in ends.items()}
        more = _("Revenue changed by %(value)s (95 %%: %(low)s to %(high)s).")
        says = f"{says} {more % said}"
    whole = _("Discounts count all that these customers were given, by others too.")
    return Section(
        title=_("What changed"),
        says=f"{says} {whole}",
        columns=[_("What"), _("For each customer"), "95 %", "p", _("In all")],
        rows=[_metric(name, report) for name in report.result.effects],
    )


def _metric(name: str, report: Report) -> Row:
    result, currency, label = report.result, report.currency, METRICS[name]
    effect = result.effects[name]
    in_all = total(effect, result.treatment).value
    if why := missing.why(effect, result.treatment, result.control):
        return Row(cells=[label, gap(why, 4)])
    told = [money(effect.value, currency), between(effect, currency), p_of(effect)]
    told.append(money(in_all, currency, whole=True))
    if name in COUNTS:
        ends = _("%(low)s to %(high)s") % {
            "low": number(effect.low, "+.3f"),
            "high": number(effect.high, "+.3f"),
        }
        told = [number(effect.value, "+.3f"), ends, p_of(effect)]
        told.append(number(in_all, "+,.0f"))
    return Row(cells=[label, *told])


def _washout(report: Report) -> Section:
    found, one = report.washout, report.result
    steps = {
        _("When the campaign ended"): found.at_end,
        _("Four weeks later"): found.after,
    }
    return Section(
        title=_("Bought more, or only sooner?"),
        says=_(
            "Customers are watched for four weeks after the campaign. What they only "
            "bought sooner is missing then, and takes from the gain."
        ),
        columns=head(_("When")),
        rows=[
            profit(name, effect, one.treatment, one.control, report.currency, found.why)
            for name, effect in steps.items()
        ],
    )


def _shown(report: Report) -> Section:
    one = report.shown.result
    says = _(
        "Only customers to whom the shop showed it, or would have shown it: %s of the "
        "treated. It is as true as the shop reports withheld offers at the same places."
    )
    told = [says % share(one.treatment, report.result.treatment)]
    told += [finding.text for finding in findings.sizes(one)]
    effect = one.effects["profit"]
    name = _("From the first showing on")
    return Section(
        title=_("Of those who saw it"),
        says=" ".join(told),
        columns=head(_("Since when")),
        rows=[profit(name, effect, one.treatment, one.control, report.currency)],
    )


def _spent(strategy: Strategy, until: date | None) -> Section:
    """Show the budget as it goes: money that is held or spent is never above it."""
    days, known = funnels.spent(strategy), strategy.campaign
    first = known.starts_at.date()
    # Days of UTC: where it ends at another zone's midnight, a part of one is the last.
    last_day = (known.ends_at - timedelta(microseconds=1)).date()
    whole = [first + timedelta(days=n) for n in range((last_day - first).days + 1)]
    # Days on which nobody used it are over as well, as far as was measured.
    last = max([*days, *([until] if until else [])], default=first)
    over = [day for day in whole if day <= last]
    sums = list(accumulate(float(days.get(day, 0)) for day in over))
    title = _("Discounts given by day, beside an even spending of the budget.")
    chart = charts.grown(
        sums,
        [date_format(day, _("j M")) for day in whole],
        most=float(strategy.budget),
        title=title,
    )
    told = {day: given for day, given in days.items() if given}
    return Section(
        title=_("Spent of the budget"),
        says=_("%(used)s of %(budget)s are spent, and %(held)s held for open orders.")
        % {
            "used": _plain(strategy.spent, strategy.currency),
            "budget": _plain(strategy.budget, strategy.currency),
            "held": _plain(strategy.reserved, strategy.currency),
        },
        chart=drawn(chart) if told else "",
        legend=[("band", _("given by then")), ("dashes", _("evenly"))],
        columns=[_("Day"), _("Given, less what came back")] if told else [],
        rows=[
            Row(cells=[day.isoformat(), _plain(given, strategy.currency)])
            for day, given in sorted(told.items(), reverse=True)
        ],
        folded=True,
    )


def _plain(amount: Decimal, currency: str) -> str:
    return money(float(amount), currency).lstrip("+")


def _funnel(found: funnels.Funnel, currency: str) -> Section:
    steps = {
        _("Assigned an offer"): found.assigned,
        _("Saw it, as the shop reports"): found.shown,
        _("Redeemed"): found.redeemed,
        _("Of them rolled back"): found.rolled_back,
    }
    return Section(
        title=_("How far the treated came"),
        says=_(
            "%s of discount was given, less what came back. How often offers were "
            "fetched is not known, since reading them records nothing."
        )
        % money(float(found.given), currency).lstrip("+"),
        columns=[_("Step"), _("Customers"), _("Of the assigned")],
        rows=[
            Row(cells=[step, f"{count:,}", share(count, found.assigned)])
            for step, count in steps.items()
        ],
    )


def _slices(report: Report) -> Iterator[Section]:
    says = _(
        "Exploratory: looked at without a plan. Intervals allow for that "
        "(Benjamini–Hochberg), and still only say what to test next."
    )
    for title, parts in (
        (_("By segment (exploratory)"), report.segments),
        (_("By week of assignment (exploratory)"), report.weeks),
    ):
        yield _parts(title, says, parts, report.currency)


def _parts(title: str, says: str, parts: Sequence[Part], currency: str) -> Section:
    return Section(
        title=title,
        says=says,
        columns=head(_("Part")),
        rows=[
            profit(
                SEGMENTS.get(one.name, one.name),
                one.profit,
                one.treatment,
                one.control,
                currency,
            )
            for one in parts
        ],
    )
