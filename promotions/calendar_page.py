"""The calendar of campaigns: what runs when, spend ahead, holidays, and what meets.

From two weeks back to twelve ahead, by weeks from Monday on (UTC). What a personal
strategy will give is its forecast's, what an automatic one will, what it gave on past
baskets; both less what was given, as if evenly in the time that is left.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import clock
from catalog import holidays
from promotions import ahead, subscriptions
from promotions.ahead import WEEK, Meeting, Planned
from promotions.figures import money
from promotions.models import Strategy
from promotions.report_tables import Row, Section

BACK, AHEAD = 2, 12
"""Weeks."""
SHOWN = ("proposed", "live", "paused")
MOST = 200
"""Strategies on the page; a shop with more finds the rest in the list."""
MOST_MEETINGS, MOST_TITLES = 30, 5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A strategy's place on the page's time, in per cent of its width."""

    planned: Planned
    state: str
    link: str
    left: float
    width: float
    when: str


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A campaign with its strategies."""

    name: str
    link: str
    budget: str
    bars: list[Bar]


@dataclass(frozen=True, kw_only=True)
class Span:
    """The time that the page shows."""

    first: datetime
    weeks: int

    @property
    def last(self) -> datetime:
        return self.first + self.weeks * WEEK

    def place(self, at: datetime) -> float:
        """Return where a moment is, in per cent; what is outside is at the edge."""
        share = (at - self.first) / (self.last - self.first)
        return round(100 * min(max(share, 0.0), 1.0), 3)


def calendar_page(request: HttpRequest) -> HttpResponseBase:
    """Show what runs when, and what it will cost."""
    if not request.user.has_perm("promotions.view_strategy"):
        raise PermissionDenied
    at = clock.now()
    span = _span(at)
    rows = _rows(span)
    planned = [_planned(row) for row in rows]
    free = holidays.between(span.first.date(), span.last.date())
    page = {
        "title": _("Calendar"),
        "says": _("The earliest %s strategies; the list has all.") % MOST
        if len(rows) == MOST
        else "",
        "no_file": True,
        "lanes": list(_lanes(rows, span)),
        "ticks": [
            (span.place(span.first + n * WEEK), (span.first + n * WEEK).date())
            for n in range(0, span.weeks, 2)
        ],
        "now": span.place(at),
        "holidays": [
            (span.place(_midnight(day)), day, name) for day, name in free.days.items()
        ],
        "language": free.language,
        "addresses": subscriptions.known() if subscriptions.may(request) else [],
        "may_subscribe": subscriptions.may(request),
        "made": subscriptions.made(request),
        "sections": [_spend(planned, at), _met(planned)],
    }
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, "admin/promotions/calendar.html", context)


def _span(at: datetime) -> Span:
    monday = _midnight((at - timedelta(days=at.weekday())).date())
    return Span(first=monday - BACK * WEEK, weeks=BACK + AHEAD)


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time(), UTC)


def _rows(span: Span) -> list[Strategy]:
    rows = Strategy.objects.filter(
        state__in=SHOWN,
        campaign__starts_at__lt=span.last,
        campaign__ends_at__gt=span.first,
    )
    order = ("campaign__starts_at", "campaign_id", "state", "title")
    return list(rows.select_related("campaign").order_by(*order)[:MOST])


def _planned(row: Strategy) -> Planned:
    known = row.forecast.get("cost", row.forecast.get("tried", {}).get("cost"))
    used = float(row.spent + row.reserved)
    cost = None if known is None else ahead.rest(float(known), float(row.budget), used)
    return Planned(
        key=row.id,
        title=row.called,
        state=row.state,
        scope=frozenset(row.scope),
        starts_at=row.campaign.starts_at,
        ends_at=row.campaign.ends_at,
        cost=cost if row.currency == settings.CURRENCY else None,
        replaces=row.replaces_id,
    )


def _lanes(rows: Iterable[Strategy], span: Span) -> Iterator[Lane]:
    for campaign, mine in groupby(rows, key=lambda row: row.campaign):
        used, rows_of = campaign.spent + campaign.reserved, list(mine)
        first = rows_of[0]
        yield Lane(
            # What a change of prices is called, so is its campaign.
            name=first.called if campaign.name == first.title else campaign.called,
            link=reverse("admin:promotions_campaign_change", args=[campaign.pk]),
            budget=f"{used:,.0f} / {campaign.budget:,.0f} {campaign.currency}",
            bars=[_bar(row, span) for row in rows_of],
        )


def _bar(row: Strategy, span: Span) -> Bar:
    starts, ends = row.campaign.starts_at, row.campaign.ends_at
    left, right = span.place(starts), span.place(ends)
    over = row.state == Strategy.State.LIVE and ends <= clock.now()
    return Bar(
        planned=_planned(row),
        state=_("over") if over else str(row.get_state_display()),
        link=reverse("admin:promotions_strategy_change", args=[row.pk]),
        left=left,
        width=round(max(right - left, 0.5), 3),
        when=_from_to(starts, ends),
    )


def _from_to(starts: datetime, ends: datetime) -> str:
    # Half-open: what ends at midnight has the day before as its last.
    both = (localtime(at) for at in (starts, ends - timedelta(microseconds=1)))
    first, last = (date_format(at, _("j M")) for at in both)
    return _("%(low)s to %(high)s") % {"low": first, "high": last}


def _spend(planned: list[Planned], at: datetime) -> Section:
    weeks = ahead.by_week(planned, _span(at).first + BACK * WEEK, AHEAD, now=at)
    while len(weeks) > 4 and not (weeks[-1].decided or weeks[-1].waiting):
        weeks.pop()
    unknown = sum(one.cost is None for one in planned)
    says = _(
        "What strategies are still expected to give, as if evenly in the time they "
        "have left, in %s. A version counts in place of the one before it."
    )
    missing = ngettext(
        "Of %d strategy it is not known.", "Of %d strategies it is not known.", unknown
    )
    return Section(
        title=_("Spend ahead"),
        says=f"{says % settings.CURRENCY} {missing % unknown if unknown else ''}",
        columns=[_("Week from"), _("Approved"), _("Waiting"), _("Together")],
        rows=[
            Row(
                cells=[
                    week.starts_at.date().isoformat(),
                    *map(_cost, (week.decided, week.waiting)),
                    _cost(week.together),
                ]
            )
            for week in weeks
        ],
    )


def _cost(amount: float) -> str:
    return money(amount, settings.CURRENCY, whole=True).lstrip("+")


def _met(planned: list[Planned]) -> Section:
    found = list(ahead.meetings(planned))
    return Section(
        title=_("Strategies that meet"),
        says=_("None: no two of these are about the same goods at the same time.")
        if not found
        else _(
            "About the same goods at the same time. A customer gets at most %s "
            "personal offers; in a cart, rules say which go together."
        )
        % settings.OFFERS_PER_CUSTOMER,
        columns=[_("Strategy"), _("Meets"), _("About"), _("When")] if found else [],
        rows=list(_meetings(found))[:MOST_MEETINGS],
    )


def _meetings(found: list[Meeting]) -> Iterator[Row]:
    """Yield a row for all that meet about the same, or for a pair."""
    alike: dict[frozenset[str], list[Meeting]] = {}
    for one in found:
        alike.setdefault(one.scope, []).append(one)
    for scope, some in alike.items():
        if len(some) == 1:
            yield _meeting(some[0])
            continue
        titles = dict.fromkeys(t for m in some for t in (m.first.title, m.second.title))
        several = {both.key for one in some for both in (one.first, one.second)}
        when = min(m.starts_at for m in some), max(m.ends_at for m in some)
        told = _("%(n)s strategies meet") % {"n": len(several)}
        about = ", ".join(sorted(scope)) or _("all goods")
        more = ", …" if len(titles) > MOST_TITLES else ""
        named = ", ".join(list(titles)[:MOST_TITLES]) + more
        yield Row(cells=[told, named, about, _from_to(*when)])


def _meeting(one: Meeting) -> Row:
    about = ", ".join(sorted(one.scope)) or _("all goods")
    return Row(
        cells=[
            *(one.first.title, one.second.title, about),
            _from_to(one.starts_at, one.ends_at),
        ],
        link=reverse("admin:promotions_strategy_change", args=[one.first.key]),
    )
