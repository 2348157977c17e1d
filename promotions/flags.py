"""What is wrong with live strategies, seen from their sums: flags for operators.

Effects are flagged only where that would hold at every look (confidence sequences),
since they are looked at every quarter of an hour; sizes and drift have p-values, and
are flagged below ALARM. Nothing is stopped by a flag alone: see promotions.standing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from math import sqrt
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from analytics import experiments, lookup
from analytics.alerts import Alert
from analytics.checks import ALARM
from analytics.experiments import Effect
from ml import opinions
from ml.opinions import Held
from promotions import book, measurement, scopes, supply
from promotions.arms import HOLDOUT, TREATMENT
from promotions.figures import p_value
from promotions.measurement import Arms
from promotions.models import StandingRule, Strategy
from promotions.rules import Gift

Kind = StandingRule.Flag
FAST = Decimal("0.25")
"""Budgets are spent faster than time passes by so much of the whole: too fast."""
WEEK = "week "
MOST_NAMED = 5
FEWEST = 100
"""With fewer customers in an arm, before or since, nothing is said of drift."""
WEEKS = (
    "SELECT subject, slice, arm, sums FROM promotions_armday"
    " WHERE subject = ANY(%s) AND slice LIKE 'week %%' ORDER BY subject"
)
SHORT = "short"
WATCHED = (
    f"SELECT '{SHORT}', category FROM ({supply.SHORT}) s"  # noqa: S608
    " UNION ALL SELECT level, key FROM ml_surge"
)
"""What runs short, and what is under a surge: the first page asks once."""


class Week(NamedTuple):
    """The sums of an arm's customers who were assigned in a week."""

    subject: UUID
    slice: str
    arm: str
    sums: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One thing that is wrong with a strategy, in words."""

    kind: StandingRule.Flag
    strategy: Strategy
    text: str


def raised(*, at: datetime) -> list[Flag]:
    """Return all flags of the live strategies."""
    live = Strategy.objects.filter(state=Strategy.State.LIVE)
    rows = list(live.select_related("campaign").order_by("id"))
    if not rows:
        return []
    weeks, (low, held) = _weeks(rows), _watched()
    return [
        flag for row in rows for flag in _of(row, weeks.get(row.id, ()), low, held, at)
    ]


def of(strategy: Strategy, *, at: datetime) -> list[Flag]:
    """Return one strategy's flags."""
    weeks = _weeks([strategy]).get(strategy.id, ())
    return _of(strategy, weeks, *_watched(), at)


def _watched() -> tuple[frozenset[str], Held]:
    """Return the categories that run short, and what is under a surge."""
    rows = lookup.rows(WATCHED, [supply.HALF])
    short = frozenset(key for what, key in rows if what == SHORT)
    return short, opinions.held((what, key) for what, key in rows if what != SHORT)


def _of(
    strategy: Strategy,
    weeks: Sequence[Week],
    low: frozenset[str],
    held: Held,
    at: datetime,
) -> list[Flag]:
    told = [*_measured(strategy, weeks), *_pace(strategy, at), *_short(strategy, low)]
    told += _spoken_against(strategy, held)
    return [Flag(kind=kind, strategy=strategy, text=text) for kind, text in told]


def current(at: datetime) -> list[Alert]:
    """Return the flags as alerts."""
    return [
        Alert(
            code=f"strategy_{flag.kind.value}",
            about=str(flag.strategy.id),
            text=f"{flag.strategy.called}: {flag.text}",
            table="promotions_strategy",
        )
        for flag in raised(at=at)
    ]


Told = Iterator[tuple[StandingRule.Flag, str]]


def _weeks(rows: Iterable[Strategy]) -> Mapping[UUID, Sequence[Week]]:
    """Read what the measured ones came to by week of assignment, in one look-up."""
    measured = [row.id for row in rows if row.measured.get("always")]
    if not measured:
        return {}
    found = map(Week._make, lookup.rows(WEEKS, [measured]))
    # WEEKS orders by subject: groupby joins neighbours only.
    return {id_: list(some) for id_, some in groupby(found, lambda row: row.subject)}


def _measured(strategy: Strategy, weeks: Sequence[Week]) -> Told:
    known: dict[str, Any] = strategy.measured
    if not known.get("always"):
        return
    if known["mismatch"] < ALARM:
        text = _("the arms' sizes are not as drawn (p %s): believe no effect")
        yield Kind.MISMATCH, text % p_value(known["mismatch"])
        return
    profit, watched = known["always"], known["watched"]
    if _below(profit, 0.0):
        text = _("it certainly loses profit: %.2f for each customer at best")
        yield Kind.HARM, text % profit["high"]
    # What certainly loses is told by that alone.
    elif _below(profit, _promised(strategy)):
        text = _("it certainly brings less than promised: %.2f at best")
        yield Kind.PROMISE, text % profit["high"]
    for kind, name, text in (
        (Kind.RETURNS, "returned", _("more goes back: %.2f at least, a customer")),
        (Kind.REFUSALS, "refusals", _("more refuse offers: %.3f at least, a customer")),
    ):
        if watched[name]["low"] is not None and watched[name]["low"] > 0:
            yield kind, text % watched[name]["low"]
    if _below(watched["margin"], 0.0):
        text = _("it certainly lowers the margin before discounts: %.2f at best")
        yield Kind.MARGIN, text % watched["margin"]["high"]
    yield from _drift(weeks)


def _drift(weeks: Sequence[Week]) -> Told:
    """Say whether who was assigned in the newest two weeks answers otherwise.

    They were watched for less time. An effect that never changed then stands lower for
    each customer, or, if it comes soon, higher as a share of what customers come to;
    only what is apart in both ways, and to the same side, is drift.
    """
    if not weeks:
        return
    last = date.fromisoformat(max(row.slice for row in weeks).removeprefix(WEEK))
    since = f"{WEEK}{last - timedelta(days=7)}"
    new, old = (
        measurement.added(
            # Names of slices end in ISO dates, which sort as their days do.
            [row for row in weeks if (row.slice >= since) is newest],
            lambda row: row.arm,
        )
        for newest in (True, False)
    )
    sizes = [part[arm].n if arm in part else 0 for part in (new, old) for arm in ARMS]
    if min(sizes) < FEWEST:
        return
    each, share = (_apart(new, old, relative=relative) for relative in (False, True))
    p = max(1.0 if one.p is None else one.p for one in (each, share))
    if p < ALARM and each.value * share.value > 0:
        text = _(
            "customers assigned in the newest two weeks answer otherwise than those "
            "before: %(by)+.2f profit each (p %(p)s)"
        )
        yield Kind.DRIFT, text % {"by": each.value, "p": p_value(p)}


ARMS = (TREATMENT, HOLDOUT)


def _apart(new: Arms, old: Arms, *, relative: bool) -> Effect:
    """Return by how much the effect on profit is another one; arms are large."""
    one, two = (
        measurement.difference(
            arms[TREATMENT], arms[HOLDOUT], "profit", relative=relative
        )
        for arms in (new, old)
    )
    if one.error is None or two.error is None:
        return Effect(value=one.value - two.value)
    # Other people in each part, so the errors are independent.
    error = sqrt(one.error**2 + two.error**2)
    return experiments.interval(one.value - two.value, error)


def _below(effect: dict[str, Any], least: float | None) -> bool:
    high = effect["high"]
    return high is not None and least is not None and high < least


def _promised(strategy: Strategy) -> float | None:
    """Return the profit that was promised for each customer, once its time is over."""
    if not strategy.decided_at:
        return None
    until = datetime.fromisoformat(strategy.measured["until"])
    over = strategy.forecast.get("days", settings.HORIZON_DAYS)
    return strategy.promised if (until - strategy.decided_at).days >= over else None


def _pace(strategy: Strategy, at: datetime) -> Told:
    campaign = strategy.campaign
    whole = campaign.ends_at - campaign.starts_at
    # At least nothing: before the campaign begins, negative time made any budget too
    # fast, and a standing rule would have ended the strategy.
    passed = Decimal(max(0.0, (at - campaign.starts_at) / whole))
    used = (strategy.spent + strategy.reserved) / (strategy.budget or Decimal(1))
    if used > passed + FAST:
        text = _("%(used).0f %% of its budget is spent in %(passed).0f %% of the time")
        yield Kind.PACE, text % {"used": used * 100, "passed": passed * 100}


def _short(strategy: Strategy, low: frozenset[str]) -> Told:
    """Prices that fall to clear what is left are no promotion of what runs short."""
    if not strategy.prices and supply.runs_short(strategy, low):
        text = _("its goods run short: no new offers of it are made")
        yield Kind.SHORT, text


def _spoken_against(strategy: Strategy, held: Held) -> Told:
    """Nothing is stopped: an operator looks at what is said (ml.opinions)."""
    if not held:
        return
    if {str(strategy.campaign_id), strategy.campaign.name} & held.campaigns:
        yield Kind.OPINION, _("much more than usual is said against its campaign")
    whole = sorted(held.categories.intersection(strategy.scope))
    if whole:
        text = _("much more than usual is said against %(names)s")
        yield Kind.OPINION, text % {"names": ", ".join(whole)}
        return
    shelf = scopes.products(strategy).filter(sku__in=held.skus).order_by("sku")
    menu = book.decoded(strategy).menu.values()
    gifts = {one.sku for one in menu if isinstance(one, Gift)} & held.skus
    names = sorted({*shelf.values_list("sku", flat=True)[:MOST_NAMED], *gifts})
    if names:
        text = _("much more than usual is said against %(names)s")
        yield Kind.OPINION, text % {"names": ", ".join(names[:MOST_NAMED])}
