"""The back office's first page: is the platform well, is it earning, what waits?

What is broken comes first and in red: without a worker or beat no offer is computed,
and nothing else on the page would show it. Everything is counted when asked, in a
handful of queries, and profit is read from the sums of the last quarter hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Case, F, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import alerts, clock, health, lookup, projections
from analytics.experiments import Effect
from analytics.languages import said
from promotions import programme, report_lines
from promotions.figures import between, money, number
from promotions.models import Campaign, Strategy
from promotions.programme import Programme
from promotions.report_tables import Card, drawn

WELL = "ok"
NOTES = {"projection_late"}
"""Alerts that mostly pass by themselves: told, but not in red."""
MOST = 8
"""Proposals and campaigns that are listed; the tables have the rest."""

# The newest event is that of the last position: there is no index on recorded_at.
COUNTS = """
    SELECT
      (SELECT count(*) FROM promotions_strategy s JOIN promotions_campaign c
         ON c.id = s.campaign_id
         WHERE s.state = 'live' AND c.starts_at <= t.now AND c.ends_at > t.now),
      (SELECT count(*) FROM promotions_strategy WHERE state = 'proposed'),
      (SELECT count(*) FROM promotions_offer
         WHERE redeemed_at IS NULL AND expires_at > t.now),
      (SELECT count(*) FROM analytics_exposure WHERE first_shown_at >= t.since),
      (SELECT count(*) FROM promotions_redemption WHERE offer IS NOT NULL
         AND rolled_back_at IS NULL AND redeemed_at >= t.since),
      (SELECT count(*) FROM promotions_redemption
         WHERE rolled_back_at IS NULL AND redeemed_at >= t.since),
      (SELECT coalesce(sum(discount - returned), 0) FROM promotions_redemption
         WHERE redeemed_at >= t.since),
      (SELECT count(*) FROM promotions_strategy WHERE state = 'paused'),
      (SELECT recorded_at FROM analytics_storedevent ORDER BY position DESC LIMIT 1),
      (SELECT max(created_at) FROM ml_trainedmodel),
      (SELECT max(computed_at) FROM promotions_allocation)
    FROM (SELECT %s::timestamptz AS now,
      %s::timestamptz - interval '28 days' AS since) t
"""
NONE = (0, 0, 0, 0, 0, 0, Decimal(0), 0, None, None, None)
# Old months are files: where all of the log is, the archive knows its last position.
FLOWS = """
    SELECT
      (SELECT coalesce(sum(events), 0) FROM analytics_hour WHERE hour > t.now
         - interval '24 hours'),
      (SELECT count(*) FROM analytics_rejection WHERE resolved_at IS NULL),
      (SELECT coalesce(max(greatest(0, n.position - c.position)), 0)
         FROM analytics_checkpoint c WHERE c.projection = ANY(%s)),
      n.position
    FROM (SELECT %s::timestamptz AS now) t,
      (SELECT greatest((SELECT max(position) FROM analytics_storedevent),
         (SELECT max(last_position) FROM analytics_archive)) AS position) n
"""
"""What an engineer looks at: a day's events, dead letters, the furthest behind."""
# Campaigns of price changes have a budget of 0, of which nothing is a share.
PACE = """
    SELECT c.id, c.name, c.currency, c.budget, c.spent + c.reserved, c.starts_at,
      c.ends_at FROM promotions_campaign c
    WHERE c.starts_at <= %s AND c.ends_at > %s AND c.budget > 0 AND EXISTS (
      SELECT FROM promotions_strategy s WHERE s.campaign_id = c.id AND s.state = 'live')
    ORDER BY c.ends_at, c.id LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Sign:
    """One part of the platform: well, or what is wrong with it."""

    name: str
    well: bool
    says: str


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A running campaign: the shares of its budget and of its time that are over."""

    name: str
    link: str
    spent: str
    money: float
    time: float

    @property
    def percent(self) -> int:
        return round(100 * self.time)

    @property
    def fast(self) -> bool:
        """Whether the budget will not last, going on like that."""
        return self.money > 0.1 and self.money > 1.25 * self.time


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A proposal, as short as an operator can judge where to look first."""

    title: str
    link: str
    promise: str
    since: datetime
    safe: bool


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Put it all on the first page, of which everybody sees what they may."""
    at = clock.now()
    context["signs"] = found = list(signs())
    context["broken"] = [sign for sign in found if not sign.well]
    for told in alerts.current(at):
        link = reverse(f"admin:{told.table}_changelist")
        kind = "notes" if told.code in NOTES else "alerts"
        context.setdefault(kind, []).append({"text": said(told.text), "link": link})
    earns = request.user.has_perm("promotions.view_strategy")
    if request.user.has_perm("analytics.view_rejection") and not earns:
        context["flows"] = list(_flows(at))
    if earns:
        whole = programme.of(at=at)
        counts = lookup.row(COUNTS, [at, at]) or NONE
        proposed = counts[1]
        context["cards"] = list(_cards(whole, counts, at))
        context["chart"] = drawn(report_lines.month_chart(whole))
        context["paces"] = _paces(at)
        context["waiting"] = rows = list(_waiting())
        context["more"] = proposed - len(rows)
    return context


def signs() -> Iterator[Sign]:
    """Yield how the platform's processes are; of what they do, alerts tell.

    The database has answered: the operator was read from it.
    """
    yield Sign(name=_("Database"), well=True, says=WELL)
    names = {
        "cache": _("Cache"),
        "worker": _("Worker and scheduler"),
    }
    asked = {key: check for key, check in health.CHECKS.items() if key in names}
    for key, verdict in health.verdicts(asked).items():
        yield Sign(name=names[key], well=verdict == WELL, says=said(verdict))


def _cards(told: Programme, counts: tuple[Any, ...], at: datetime) -> Iterator[Card]:
    (
        live,
        proposed,
        offered,
        shown,
        taken,
        used,
        given,
        paused,
        came,
        trained,
        computed,
    ) = counts
    waits = _("%s wait for a decision") % f"{proposed:,}"
    stands = _("%s are paused") % f"{paused:,}"
    # The interval that holds at every look, as this page is looked at all the time:
    # with one of 125 held back shopping, the other one was far too sure.
    yield _earned(told.always, told.added)
    yield Card(
        name=_("Strategies running"),
        value=f"{live:,}",
        detail=f"{waits}, {stands}" if paused else waits,
    )
    yield Card(
        name=_("Offers that customers have"),
        value=f"{offered:,}",
        detail=_("computed %s") % _ago(computed, at),
    )
    # Of offers alone: orders that used a code were shown none.
    rate = _("%s offers were used") % f"{taken:,}"
    if shown:
        rate = f"{rate} ({100 * taken / shown:.1f} %)"
    yield Card(name=_("Offers shown in 28 days"), value=f"{shown:,}", detail=rate)
    yield Card(
        name=_("Given in 28 days"),
        value=f"{given:,.0f} {settings.CURRENCY}",
        detail=_("%s uses") % f"{used:,}",
    )
    yield Card(
        name=_("Newest event"),
        value=_ago(came, at),
        detail=_("newest model: %s") % _ago(trained, at),
    )


def _flows(at: datetime) -> Iterator[Card]:
    """Say what comes in, for who keeps the pipes; each leads on to its page."""
    came, refused, behind, _newest = lookup.row(FLOWS, [list(projections.ALL), at]) or (
        *(0, 0, 0),
        0,
    )
    yield Card(name=_("Events in 24 hours"), value=f"{came:,}")
    yield Card(name=_("Refused events that wait"), value=f"{refused:,}")
    yield Card(name=_("Furthest behind of the folds, in events"), value=f"{behind:,}")


def _earned(total: Effect, months: int) -> Card:
    name = _("Incremental profit of all promotions")
    if not total.estimable:
        why = _("nobody is both treated and held back yet")
        return Card(name=name, value=_("not estimable"), detail=why)
    return Card(
        name=name,
        value=money(total.value, settings.CURRENCY, whole=True),
        detail=ngettext(
            "%(interval)s (95 %%, whenever you look), of %(months)s month",
            "%(interval)s (95 %%, whenever you look), of %(months)s months",
            months,
        )
        % {
            "interval": between(total, settings.CURRENCY, whole=True),
            "months": months,
        },
    )


def _ago(moment: datetime | None, at: datetime) -> str:
    if moment is None:
        return _("never")
    return _("%s ago") % timesince(moment, at, depth=1)


def _paces(at: datetime) -> list[Pace]:
    rows = lookup.rows(PACE, [at, at, MOST])
    return [
        Pace(
            # Not a row: only to say the platform's names in the reader's language.
            name=Campaign(name=name).called,
            link=reverse("admin:promotions_campaign_change", args=[key]),
            spent=f"{used:,.0f} / {budget:,.0f} {currency}",
            money=float(used / budget),
            time=(at - starts) / (ends - starts),
        )
        for key, name, currency, budget, used, starts, ends in rows
    ]


def _waiting() -> Iterator[Waiting]:
    """Yield the largest promises; amounts of another currency are not compared."""
    rows = Strategy.objects.filter(state=Strategy.State.PROPOSED)
    ours = Case(When(currency=settings.CURRENCY, then=0), default=1)
    promised = F("forecast__margin").desc(nulls_last=True)
    for row in rows.order_by(ours, promised, "-proposed_at")[:MOST]:
        found = row.forecast
        promise = ""
        if "margin" in found:
            promise = _("%(margin)s (80 %%: %(low)s to %(high)s)") % {
                "margin": money(found["margin"], row.currency, whole=True),
                "low": number(found["low"], ",.0f"),
                "high": number(found["high"], ",.0f"),
            }
        yield Waiting(
            title=row.called,
            link=reverse("admin:promotions_strategy_change", args=[row.pk]),
            promise=promise,
            since=row.proposed_at,
            safe=all(guard["passed"] for guard in row.guards),
        )
