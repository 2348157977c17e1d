"""What other rules would have earned in a strategy's place, from the log of its lots.

Each assigned customer who was watched for HORIZON_DAYS counts, with their profit in
that time, as in reports. The holdout is an action like the others: nothing. The chance
of what each got is in `OfferAssigned`, among those who are not held out of everything;
who is does not count (promotions.arms). The newest MOST customers count.

The worker values the usual rules once a day, and keeps the rows, without names, so that
a rule that somebody asks for is valued at once. NumPy alone: the web process reads it.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import numpy as np
from django.conf import settings
from django.db.models import QuerySet

from analytics import off_policy
from analytics.off_policy import Log
from ml.lifts import Who
from ml.traits import TRAITS
from promotions import beliefs, policies, response, value, watched
from promotions.beliefs import People
from promotions.models import Hindsight, Strategy
from promotions.policies import NOTHING, Ends, Floats, Rows, Valued
from promotions.watched import Unit

MOST = 30_000


class NotWatched(Exception):
    """Too few customers were watched for the whole horizon yet."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What `customers` earned each as it ran, and would have by other rules."""

    customers: int
    days: int
    observed: Ends
    rules: Sequence[Valued]
    actions: Sequence[str]
    segments: Sequence[str]


def refresh(strategies: Iterable[UUID], *, until: datetime) -> None:
    """Value the usual rules in the place of strategies, each once a day (UTC)."""
    known = dict(Hindsight.objects.values_list("strategy", "until"))
    rows = Strategy.objects.filter(id__in=list(strategies)).order_by("id")
    for strategy in rows:
        last = known.get(strategy.id)
        if last is None or last.date() < until.date():
            look_back(strategy, until=until)


def look_back(strategy: Strategy, *, until: datetime) -> None:
    """Value the usual rules in a strategy's place, if enough were watched."""
    units = watched.read(
        strategy.id,
        until=until,
        horizon=timedelta(days=settings.HORIZON_DAYS),
        most=MOST,
    )
    # Who was assigned under another list of traits cannot be priced by today's model.
    units = [unit for unit in units if len(unit.traits) == len(TRAITS)]
    if len(units) < policies.LEAST:
        return
    rows = _rows(strategy, units)
    told = Told(
        customers=len(rows),
        days=settings.HORIZON_DAYS,
        observed=policies.ends(off_policy.observed(rows.log)),
        rules=list(_usual(rows, strategy, _people(units))),
        actions=rows.actions,
        segments=rows.segments,
    )
    Hindsight.objects.update_or_create(
        strategy=strategy,
        defaults={
            "until": until,
            "body": msgspec.to_builtins(told),
            "rows": _written(rows),
        },
    )


def of(strategy: Strategy) -> tuple[Told, datetime]:
    """Return what the usual rules would have earned, and until when is known.

    :raises NotWatched: too few were watched for long enough.
    """
    # The rows of up to MOST customers, which `asked` alone needs.
    row = _kept(Hindsight.objects.defer("rows"), strategy)
    return msgspec.convert(row.body, Told), row.until


def asked(strategy: Strategy, odds: Mapping[str, Mapping[str, float]]) -> Valued:
    """Value a rule that draws by odds, segment -> variant -> share (policies).

    :raises NotWatched: too few were watched for long enough.
    """
    # In one query: the rows name actions and segments by their places in the body.
    row = _kept(Hindsight.objects.all(), strategy)
    rows = _read(bytes(row.rows), msgspec.convert(row.body, Told))
    return policies.valued(rows, policies.by_segment(rows, odds), rule="asked")


def _kept(known: QuerySet[Hindsight], strategy: Strategy) -> Hindsight:
    row = known.filter(strategy=strategy).first()
    if row is None:
        raise NotWatched("Too few customers were watched for the whole horizon yet.")
    return row


def _usual(rows: Rows, strategy: Strategy, people: People) -> Iterator[Valued]:
    """Yield the rules that anybody would think of."""
    yield policies.valued(rows, policies.only(rows, 0), rule="nothing")
    for place, label in enumerate(rows.actions):
        if label != NOTHING:
            policy = policies.only(rows, place)
            yield policies.valued(rows, policy, rule="variant", variant=label)
    yield policies.valued(rows, policies.equal(rows), rule="equal")
    best = _best(rows, strategy, people)
    yield policies.valued(rows, best, rule="best")


def _best(rows: Rows, strategy: Strategy, people: People) -> Floats:
    """Give each what is best for them by what is believed now, or nothing."""
    menu = {label: strategy.terms[label] for label in rows.actions[1:]}
    believed = response.believed(draws=1).expected
    found = value.priced(
        menu, strategy.scope, people, believed, beliefs.Run(turns=strategy.turns)
    )
    # Place 0 is nothing, which brings nothing: whom every variant loses gets none.
    margins = np.column_stack([np.zeros(len(rows)), found.margin])
    return policies.chosen(rows, margins.argmax(axis=1))


def _rows(strategy: Strategy, units: Sequence[Unit]) -> Rows:
    actions = [NOTHING, *strategy.menu]
    segments = sorted({unit.segment for unit in units})
    log = Log(
        action=np.array([actions.index(unit.variant) for unit in units]),
        reward=np.array([unit.profit for unit in units], float),
        propensity=np.array([unit.probability for unit in units], float),
    )
    segment = np.array([segments.index(unit.segment) for unit in units])
    known = [
        [one.p0, one.spend or 0.0, one.rest, one.before_profit, *one.traits]
        for one in units
    ]
    # [rows, what was known when each was assigned + a column for each segment]; nothing
    # that came afterwards, or a reward would foretell itself.
    x = np.column_stack([np.array(known, float), np.eye(len(segments))[segment]])
    return Rows(
        log=log,
        actions=actions,
        segment=segment,
        segments=segments,
        model=policies.foretold(x, log, len(actions)),
    )


def _people(units: Sequence[Unit]) -> People:
    usual = float(settings.ASSUMED_MARGIN)
    rates = [usual if one.rate is None else one.rate for one in units]
    nothing = [0.0] * max(1, *(len(one.types) for one in units))
    return People(
        who=Who(
            p0=np.array([one.p0 for one in units], float),
            segment=[one.segment for one in units],
            traits=np.array([one.traits for one in units], float),
            types=np.array([one.types or nothing for one in units], float),
        ),
        spend=np.array([one.spend or 0.0 for one in units], float),
        rate=np.array(rates, float),
        rest=np.array([one.rest for one in units], float),
    )


def _written(rows: Rows) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(
        file,
        action=rows.log.action.astype(np.int16),
        reward=rows.log.reward,
        propensity=rows.log.propensity,
        segment=rows.segment.astype(np.int16),
        model=rows.model.astype(np.float32),
    )
    return file.getvalue()


def _read(packed: bytes, told: Told) -> Rows:
    # Plain arrays: what lies in the table cannot run code in the web process.
    with np.load(io.BytesIO(packed), allow_pickle=False) as kept:
        return Rows(
            log=Log(
                action=kept["action"].astype(np.int64),
                reward=kept["reward"],
                propensity=kept["propensity"],
            ),
            actions=told.actions,
            segment=kept["segment"].astype(np.int64),
            segments=told.segments,
            model=kept["model"].astype(np.float64),
        )
