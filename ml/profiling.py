"""Write every customer's profile: counted from the log, replaced whole each night.

One transaction, so readers see one night's profiles. A log that ends earlier is read as
of its last order, as scoring does. Segments and cut points continue from the last run
(ml.segments), so a second run on the same log changes nothing but `computed_at`.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from analytics import identity
from analytics.models import Customer
from ml import lifetime, lines, profiles, segments
from ml.lifetime import Rhythm, Worth
from ml.models import CustomerProfile, ProfileBasis
from ml.profiles import Counted

Numbers = NDArray[np.float64]
NEXT_DAYS = 365.0
COLUMNS = [str(field.column) for field in CustomerProfile._meta.concrete_fields]


@dataclass(frozen=True, kw_only=True)
class Future:
    """What is expected of each customer, NaN where too little is known to say."""

    orders: Numbers
    value: Numbers
    alive: Numbers
    churn: Numbers
    usual: Numbers


def refresh(*, at: datetime) -> int:
    """Profile all known customers as of `at`; return how many."""
    frame = lines.read(until=at)
    history = lines.arrays(frame)
    last = lines.last(frame)
    # A second after it, so that the last order itself is known.
    as_of = min(at, last + timedelta(seconds=1)) if last else at
    day = as_of.timestamp() / 86_400
    counted = profiles.count(history.purchases.before(day), day=day)
    rhythm, worth = _learnt(counted, day)
    future = expect(counted, rhythm, worth, day=day)
    before = ProfileBasis.objects.first()
    cuts = _cuts(counted, day, before.cuts if before else {})
    keys = [UUID(history.customers[code]) for code in counted.customer]
    segment = _segments(keys, counted, future, cuts, day)
    basis = ProfileBasis(
        computed_at=at,
        as_of=as_of,
        customers=len(counted),
        parameters={type(m).__name__: asdict(m) for m in (rhythm, worth) if m},
        cuts=cuts,
    )
    rows = _rows(keys, counted, future, segment, basis, history.categories)
    return _replace(rows, basis)


def expect(
    counted: Counted, rhythm: Rhythm | None, worth: Worth | None, *, day: float
) -> Future:
    """Say what the next year brings; without a model only what is usual, by counting.

    `usual`, the days between visits, is shrunk to everybody's by the model.
    """
    visits = counted.visited(day)
    if rhythm is None or worth is None:
        none = np.full(len(counted), np.nan)
        # A gap of 30 days is mixed in: who came once has a usual too.
        usual = (visits.recency + 30.0) / (visits.repeats + 1.0)
        return Future(orders=none, value=none, alive=none, churn=none, usual=usual)
    orders = lifetime.expected(rhythm, visits, NEXT_DAYS)
    return Future(
        orders=orders,
        value=orders * lifetime.order_value(worth, counted.visits, counted.value),
        alive=lifetime.alive(rhythm, visits),
        churn=lifetime.no_order(rhythm, visits, segments.QUIET_DAYS),
        # One over the expected rate, Gamma(r + repeats, alpha + recency).
        usual=(rhythm.alpha + visits.recency) / (rhythm.r + visits.repeats),
    )


def _learnt(counted: Counted, day: float) -> tuple[Rhythm | None, Worth | None]:
    try:
        rhythm = lifetime.fit_rhythm(counted.visited(day))
        return rhythm, lifetime.fit_worth(counted.visits, counted.value)
    except lifetime.TooFewCustomers:
        return None, None


def _measures(counted: Counted, day: float) -> dict[str, Numbers]:
    """Higher is better in each."""
    recency = np.floor(counted.last) - np.floor(day)
    return {"recency": recency, "orders": counted.orders, "spend": counted.spend}


def _cuts(
    counted: Counted, day: float, stored: dict[str, list[float]]
) -> dict[str, list[float]]:
    if not len(counted):
        return stored
    measures = _measures(counted, day)
    return {n: segments.cut_points(m, stored.get(n)) for n, m in measures.items()}


def _segments(
    keys: list[UUID],
    counted: Counted,
    future: Future,
    cuts: dict[str, list[float]],
    day: float,
) -> NDArray[np.int8]:
    if not keys:
        return np.zeros(0, np.int8)
    known = dict(CustomerProfile.objects.values_list("customer", "segment"))
    place = {name: i for i, name in enumerate(segments.SEGMENTS)}
    # Segments of the run before: who is in one leaves it by a looser bound.
    previous = [place.get(known.get(key, ""), -1) for key in keys]
    standing = segments.Standing(
        since_first=day - counted.first,
        late=profiles.late(counted, day=day, usual=future.usual),
        # Without a forecast nobody is lost by it; how late they are decides.
        no_order=np.nan_to_num(future.churn, nan=0.0),
        spend=counted.spend,
        orders=counted.orders,
        deal_index=counted.deal_index,
    )
    return segments.assign(standing, cuts, np.array(previous, np.int8))


def _rows(
    keys: list[UUID],
    counted: Counted,
    future: Future,
    segment: NDArray[np.int8],
    basis: ProfileBasis,
    categories: list[str],
) -> dict[UUID, dict[str, Any]]:
    """Return the table's rows by customer; NaN and absent values are null."""
    day = basis.as_of.timestamp() / 86_400
    measures = _measures(counted, day)
    scores = {n: segments.bands(m, basis.cuts[n]) for n, m in measures.items() if keys}
    columns: dict[str, Any] = {
        "orders": counted.orders.astype(int),
        "spend": np.round(counted.spend, 2),
        "recency_score": scores.get("recency", []),
        "frequency_score": scores.get("orders", []),
        "monetary_score": scores.get("spend", []),
        "expected_orders": future.orders,
        "lifetime_value": np.round(future.value, 2),
        "alive": np.clip(future.alive, 0, 1),
        "churn_risk": np.clip(future.churn, 0, 1),
        "cadence_days": counted.cadence,
        "regularity": counted.regularity,
        "deal_index": counted.deal_index,
        "coupon_share": counted.coupon_share,
        "first_order_at": [_moment(one) for one in counted.first],
        "last_order_at": [_moment(one) for one in counted.last],
        "next_visit_on": [_date(d) for d in profiles.next_visit(counted, day=day)],
        "segment": [segments.SEGMENTS[place] for place in segment],
        "favourites": [
            [categories[c] for c in b if c >= 0] for b in counted.favourites
        ],
    }
    lists = {n: v.tolist() if hasattr(v, "tolist") else v for n, v in columns.items()}
    values = zip(*lists.values(), strict=True)
    return {
        key: {"customer": key, **dict(zip(lists, map(_known, row), strict=True))}
        for key, row in zip(keys, values, strict=True)
    }


def _moment(day: float) -> datetime:
    return datetime.fromtimestamp(day * 86_400, UTC)


def _date(day: float) -> Any:
    return None if np.isnan(day) else _moment(day).date()


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _replace(rows: dict[UUID, dict[str, Any]], basis: ProfileBasis) -> int:
    """Also a customer who has never ordered gets a row."""
    with transaction.atomic(), connection.cursor() as cursor:
        # A second run waits here instead of failing on the first one's rows.
        table = CustomerProfile._meta.db_table
        cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        # Not TRUNCATE, which would lock readers out: they see the old rows until the
        # end.
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608
        # Only now: whoever was erased while the log was read gets no row.
        people = _people()
        with cursor.copy(f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for key in people:
                row = rows.get(key) or _prospect(key)
                row["computed_at"] = basis.computed_at
                copy.write_row([row.get(name) for name in COLUMNS])
        ProfileBasis.objects.all().delete()
        basis.save()
    return len(people)


def _people() -> list[UUID]:
    people = Customer.objects.filter(identity.personal(), person=None)
    return list(people.order_by("key").values_list("key", flat=True))


def _prospect(key: UUID) -> dict[str, Any]:
    return {
        "customer": key,
        "segment": "prospect",
        "orders": 0,
        "spend": 0,
        "favourites": [],
    }
