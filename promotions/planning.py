"""Before approval: which effect can a strategy's test find, and how long must it run?

What a customer's profit varies by, and how well the eight weeks before foretell it, is
taken from the newest weeks of the log. Whoever bought nothing in either is not counted.
A test is planned for the days that its final report spans: those of the campaign, and
the weeks after it in which what was only bought sooner is missing. How many come in by
then, and how noisy they are, is foreseen from strategies that were measured.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from analytics import lookup
from analytics.power import power, smallest_effect
from promotions.models import Strategy
from promotions.sums import BEFORE, WASHOUT
from promotions.tested import Tested

WINDOWS = (7, 14, 28, 56)
"""Days for which a test is planned; money spent in more is another question."""
HOLDOUTS = (0.05, 0.1, 0.2, 0.3, 0.5)
FOUND = 0.8
"""The chance with which the effect is to be found."""
SMALLEST = 1.9600 + 0.8416
"""The smallest effect found with that chance, in standard errors (5 %, two-sided)."""
MOST_ALIKE = 0.999
"""No more than this is one time believed to foretell another."""
Z80 = 1.2816
"""The ends of an interval that holds 80 %, in standard errors."""
FIRST = Tested()


@dataclass(frozen=True, kw_only=True)
class Base:
    """How customers' profit in so many days varies: what a test has to see through."""

    days: int
    customers: int
    mean: float
    deviation: float
    correlation: float

    @property
    def spread(self) -> float:
        """Return by how much profit varies around what the weeks before foretell."""
        return float(self.deviation * (1 - self.correlation**2) ** 0.5)


@dataclass(frozen=True, kw_only=True)
class Test:
    """What a strategy's holdout can show; money per assigned customer.

    `smallest` is the effect on profit that is found with a chance of 80 % in `days`,
    `share` what part of the usual profit that is. `promised` is what the forecast
    says, found with the chance `power`; both None where nothing is promised, and then
    nothing says whether the test is `enough`. `needs_days` and `needs_holdout`: what
    would be enough, all else as it is; None: nothing tried was. No more days are tried
    than the test has.
    """

    days: int
    treatment: int
    control: int
    smallest: float | None
    share: float | None
    promised: float | None
    power: float | None
    needs_days: int | None
    needs_holdout: float | None
    spread: float
    """The standard deviation of a customer's profit around what was foretold of it, as
    bases have it."""

    @property
    def error(self) -> float | None:
        """Return the standard error of the effect that it measures."""
        return None if self.smallest is None else self.smallest / SMALLEST

    @property
    def enough(self) -> bool | None:
        """Whether what is promised is found; None where nothing is promised."""
        return None if self.power is None else self.power >= FOUND


@dataclass(frozen=True, kw_only=True)
class Arms:
    """Who is expected to come into a test, and how they vary, as a part of all."""

    people: int
    held: float
    noise: float

    @property
    def control(self) -> int:
        return round(self.people * self.held)

    @property
    def treatment(self) -> int:
        return self.people - self.control

    def shared(self, held: float) -> "Arms":
        """Return them with another part held back."""
        return replace(self, held=held)


# By person: y is the profit of the days that are planned for, x that of the BEFORE
# weeks ahead of them; corr(x, y) is what adjusting by the past (CUPED) takes off.
# Parameters: since, since, assumed cost rate, currency, since − BEFORE, at.
VARIES = """
    SELECT count(*), coalesce(avg(y), 0), coalesce(stddev_samp(y), 0),
        coalesce(corr(x, y), 0)
    FROM (
        SELECT coalesce(sum(paid - spent) FILTER (WHERE at >= %s), 0)::float8 AS y,
            coalesce(sum(paid - spent) FILTER (WHERE at < %s), 0)::float8 AS x
        FROM (SELECT *, cost + uncosted * %s AS spent FROM analytics_outcome) o
        LEFT JOIN analytics_customer c ON c.key = o.customer
        WHERE kind = 'order' AND currency = %s AND at >= %s AND at < %s
        GROUP BY coalesce(c.person, o.customer)
    ) unit
"""


def bases(currency: str, *, at: datetime) -> list[Base]:
    """Read how profit varies, for each of `WINDOWS`."""
    return [_base(days, currency, at) for days in WINDOWS]


def plan(
    strategy: Strategy, some: Iterable[Base], known: Tested = FIRST, *, at: datetime
) -> Test | None:
    """Return what a test can show that begins at `at`, or with its campaign.

    None where nothing is held back.
    """
    measured = [base for base in some if base.customers > 1]
    if not strategy.holdout or not measured:
        return None
    runs = _runs(strategy, at)
    spans = (runs + WASHOUT).days
    # The longest window that the test fills; a test shorter than all has the shortest.
    base = next((one for one in reversed(measured) if one.days <= spans), measured[0])
    arms = _arms(strategy, base, known, runs)
    promised = _promised(strategy, arms, base.days)
    smallest = _smallest(base, arms)
    return Test(
        days=base.days,
        treatment=arms.treatment,
        control=arms.control,
        smallest=smallest,
        share=smallest / base.mean if smallest and base.mean > 0 else None,
        promised=promised,
        power=_power(base, arms, promised),
        needs_days=next(
            (
                one.days
                for one in measured
                if one.days <= base.days
                and _finds(one, arms, _promised(strategy, arms, one.days))
            ),
            None,
        ),
        needs_holdout=next(
            (share for share in HOLDOUTS if _finds(base, arms.shared(share), promised)),
            None,
        ),
        spread=round(base.spread, 4),
    )


def _runs(strategy: Strategy, at: datetime) -> timedelta:
    """Return for how long customers can still come in."""
    campaign = strategy.campaign
    return max(campaign.ends_at - max(campaign.starts_at, at), timedelta())


def _arms(strategy: Strategy, base: Base, known: Tested, runs: timedelta) -> Arms:
    reach = strategy.forecast.get("reach")
    # Who is held out of everything is in nobody's audience.
    everybody = base.customers * (1 - settings.HELD_OUT)
    people = float(everybody)
    if reach is not None:
        # Nobody comes in who is not there.
        # `reach` is of those who get an offer; people are both arms.
        most = max(reach / (1 - strategy.holdout), everybody)
        people = min(
            known.comes(reach, runs / timedelta(days=1)) / (1 - strategy.holdout), most
        )
    return Arms(people=round(people), held=strategy.holdout, noise=known.noise)


def stored(test: Test | None, forecast: Mapping[str, Any]) -> dict[str, Any]:
    """Write a test into a strategy's forecast."""
    if test is None:
        return {}
    share = test.needs_holdout and round(test.needs_holdout * 100)
    told = asdict(test) | {"enough": test.enough, "needs_share": share}
    return {"test": told, **_will_show(test, forecast)}


def _will_show(test: Test, forecast: Mapping[str, Any]) -> dict[str, Any]:
    """Say what its measurement will show with 80 %: a customer's profit, and luck's."""
    reach = forecast.get("reach")
    if test.error is None or not reach or "low" not in forecast:
        return {}
    # Over all who come in by then, as reports divide it, and not
    # over `reach` (decision 33).
    part = _part(forecast, test.days) / test.treatment
    half = part * (forecast["high"] - forecast["low"]) / 2
    each = part * forecast["margin"]
    # What is believed and who is drawn err apart, so their squares add; both hold 80 %.
    wide = (half**2 + (Z80 * test.error) ** 2) ** 0.5
    return {"shows": [round(each - wide, 4), round(each + wide, 4)]}


def _base(days: int, currency: str, at: datetime) -> Base:
    since = at - timedelta(days=days)
    cost = 1 - settings.ASSUMED_MARGIN
    row = lookup.row(VARIES, [since, since, cost, currency, since - BEFORE, at]) or (
        0,
        0.0,
        0.0,
        0.0,
    )
    customers, mean, deviation, correlation = row
    return Base(
        days=days,
        customers=customers,
        mean=mean,
        deviation=deviation,
        # By rounding above 1 in a few equal customers, who would see any effect.
        correlation=max(-MOST_ALIKE, min(MOST_ALIKE, correlation)),
    )


def _promised(strategy: Strategy, arms: Arms, days: int) -> float | None:
    """Return the profit promised per customer by then."""
    margin = strategy.forecast.get("margin")
    if margin is None or not strategy.forecast.get("reach") or not arms.treatment:
        return None
    return float(margin / arms.treatment * _part(strategy.forecast, days))


def _part(forecast: Mapping[str, Any], days: int) -> float:
    """Return which part of what is promised comes in within so many days: evenly."""
    return min(1.0, days / float(forecast.get("days", settings.HORIZON_DAYS)))


def _smallest(base: Base, arms: Arms) -> float | None:
    return smallest_effect(
        # In money, not as a share of the mean: then the
        # smallest effect is in money too.
        cv=base.deviation * arms.noise,
        treatment=arms.treatment,
        control=arms.control,
        rho=base.correlation,
        power=FOUND,
    )


def _power(base: Base, arms: Arms, effect: float | None) -> float | None:
    if effect is None or not base.deviation:
        return None
    return power(
        effect=effect,
        cv=base.deviation * arms.noise,
        treatment=arms.treatment,
        control=arms.control,
        rho=base.correlation,
    )


def _finds(base: Base, arms: Arms, effect: float | None) -> bool:
    return (_power(base, arms, effect) or 0.0) >= FOUND
