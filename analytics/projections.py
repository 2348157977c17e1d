"""Tables that can be thrown away and counted again from the log.

A projection is a fold: `add` every event, `save` what came together. `catch_up` moves
all projections over the new events; `rebuild` empties some and reads the log once. Both
do it in one transaction with the checkpoints, so a kill loses nothing, and readers
see the old rows until the new ones are complete. A projection that raises stops, with
its error in its checkpoint; it never skips an event.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, models, transaction
from django.utils import timezone

from analytics import events, store
from analytics.models import Affinity, Checkpoint, Profile, Tally

SPAN = 500_000
"""Positions in one catch-up transaction; 234,000 took 5.5 s after a bulk load."""


class Fold(Protocol):
    """Collects a batch of events and adds it to the tables."""

    def add(self, stored: store.Stored) -> None: ...
    def save(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Projection:
    """`types` None means every type."""

    name: str
    tables: tuple[type[models.Model], ...]
    fold: Callable[[], Fold]
    types: frozenset[str] | None = None

    def wants(self, stored: store.Stored) -> bool:
        return self.types is None or stored.type in self.types


class Customers:
    """`Profile` and `Affinity`: what each customer has done so far."""

    types = frozenset(
        {"order_completed", "product_viewed", "offer_shown", "coupon_redeemed"}
    )

    def __init__(self) -> None:
        self.did: dict[UUID, Did] = {}

    def add(self, stored: store.Stored) -> None:
        if stored.customer is None:
            return
        did = self.did.get(stored.customer)
        if did is None:
            did = self.did[stored.customer] = Did()
        did.counts[stored.type] += 1
        if isinstance(stored.event, events.OrderCompleted):
            did.add(stored.event, stored.occurred_at)

    def save(self) -> None:
        _merge(
            Profile,
            "customer orders views offers_shown coupons_redeemed units spend discounts "
            "first_order_at last_order_at",
            ((customer, *did.row()) for customer, did in self.did.items()),
            keys=1,
        )
        _merge(
            Affinity,
            "customer category orders units spend last_at",
            (
                (customer, category, *bought.row())
                for customer, did in self.did.items()
                for category, bought in did.bought.items()
            ),
            keys=2,
        )


class Did:
    """Sums of one customer while a batch is folded."""

    __slots__ = (
        "bought",
        "counts",
        "discounts",
        "first_at",
        "last_at",
        "spend",
        "units",
    )

    def __init__(self) -> None:
        self.bought: dict[str, Bought] = {}
        self.counts: Counter[str] = Counter()
        self.units = 0
        self.spend = self.discounts = Decimal(0)
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None

    def add(self, order: events.OrderCompleted, at: datetime) -> None:
        """Add an order: the hot loop of every replay, 1.2 µs a line."""
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at or at, at)
        seen = set()
        for line in order.lines:
            quantity, paid, category = line.quantity, line.paid, line.category
            self.units += quantity
            self.spend += paid
            self.discounts += line.shelf_discount + line.coupon_discount
            bought = self.bought.get(category)
            if bought is None:
                bought = self.bought[category] = Bought(at)
            bought.units += quantity
            bought.spend += paid
            seen.add(category)
        for category in seen:
            bought = self.bought[category]
            bought.orders += 1
            bought.last_at = max(bought.last_at, at)

    def row(self) -> tuple[object, ...]:
        return (
            self.counts["order_completed"],
            self.counts["product_viewed"],
            self.counts["offer_shown"],
            self.counts["coupon_redeemed"],
            self.units,
            self.spend,
            self.discounts,
            self.first_at,
            self.last_at,
        )


class Bought:
    """Sums of one customer and category while a batch is folded."""

    __slots__ = ("last_at", "orders", "spend", "units")

    def __init__(self, at: datetime) -> None:
        self.orders = self.units = 0
        self.spend = Decimal(0)
        self.last_at = at

    def row(self) -> tuple[object, ...]:
        return self.orders, self.units, self.spend, self.last_at


class Days:
    """`Tally`: events of each type on each day."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[date, str]] = Counter()

    def add(self, stored: store.Stored) -> None:
        self.counts[stored.occurred_at.date(), stored.type] += 1

    def save(self) -> None:
        rows = ((*key, count) for key, count in self.counts.items())
        _merge(Tally, "day type events", rows, keys=2)


ALL: Mapping[str, Projection] = {
    projection.name: projection
    for projection in (
        Projection(
            name="customers",
            tables=(Profile, Affinity),
            fold=Customers,
            types=Customers.types,
        ),
        Projection(name="days", tables=(Tally,), fold=Days),
    )
}


def catch_up(*, span: int = SPAN) -> int:
    """Fold the next `span` positions into every projection; return how many moved.

    Zero means nothing is left, or that another worker is at it.
    """
    until = store.high_water()
    with transaction.atomic():
        checkpoints = _locked(ALL)
        running = [c for c in checkpoints if not c.error and c.position < until]
        if not running:
            return 0
        after = min(c.position for c in running)
        until = min(until, after + span)
        _replay(running, after, until)
        return until - after


def rebuild(names: Iterable[str]) -> dict[str, str]:
    """Throw the projections' rows away and count them again from the whole log.

    Return the errors by projection: one that raises keeps the rows it had.
    """
    until = store.high_water()
    with transaction.atomic():
        return _replay(_locked(names, wait=True), 0, until, afresh=True)


def stopped() -> dict[str, str]:
    """Return the projections that stopped, each with its error."""
    rows = Checkpoint.objects.exclude(error="")
    return dict(rows.values_list("projection", "error"))


def lag() -> dict[str, int]:
    """Return how many positions each projection has still to read."""
    until = store.high_water()
    read = dict(Checkpoint.objects.values_list("projection", "position"))
    return {name: max(0, until - read.get(name, 0)) for name in ALL}


def _locked(names: Iterable[str], *, wait: bool = False) -> list[Checkpoint]:
    wanted = sorted(names)
    Checkpoint.objects.bulk_create(
        [Checkpoint(projection=name) for name in wanted], ignore_conflicts=True
    )
    rows = Checkpoint.objects.filter(projection__in=wanted).order_by("projection")
    return list(rows.select_for_update(skip_locked=not wait))


def _replay(
    checkpoints: Sequence[Checkpoint], after: int, until: int, *, afresh: bool = False
) -> dict[str, str]:
    """Read once, feed every fold, save each in a savepoint of its own."""
    folds = {c.projection: ALL[c.projection].fold() for c in checkpoints}
    positions = {c.projection: after if afresh else c.position for c in checkpoints}
    with _gc_paused():
        errors = _fed(folds, positions, after, until)
    for checkpoint in checkpoints:
        name = checkpoint.projection
        if name not in errors:
            errors |= _saved(name, folds[name], afresh=afresh)
        checkpoint.error = errors.get(name, "")
        if not checkpoint.error:
            checkpoint.position = until if afresh else max(checkpoint.position, until)
        checkpoint.moved_at = timezone.now()
        checkpoint.save()
    return errors


@contextmanager
def _gc_paused() -> Iterator[None]:
    """A replay makes millions of objects and no cycles: collecting costs it 25 %."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _fed(
    folds: Mapping[str, Fold], positions: Mapping[str, int], after: int, until: int
) -> dict[str, str]:
    """Feed the folds; a fold that raises is fed no more. Return the errors."""
    errors: dict[str, str] = {}
    for stored in store.read(after=after, until=until, types=_types(folds)):
        for name, fold in folds.items():
            if name in errors or stored.position <= positions[name]:
                continue
            if ALL[name].wants(stored):
                try:
                    fold.add(stored)
                except Exception as error:
                    errors[name] = f"at {stored.position}: {error!r}"
    return errors


def _saved(name: str, fold: Fold, *, afresh: bool) -> dict[str, str]:
    try:
        with transaction.atomic():
            if afresh:
                for table in ALL[name].tables:
                    table._default_manager.all().delete()
            fold.save()
    except Exception as error:
        return {name: repr(error)}
    return {}


def _types(names: Iterable[str]) -> frozenset[str] | None:
    wanted = [ALL[name].types for name in names]
    if any(types is None for types in wanted):
        return None
    return frozenset().union(*(types for types in wanted if types))


def _merge(
    table: type[models.Model], columns: str, rows: Iterable[Sequence[Any]], *, keys: int
) -> None:
    """Add the rows to the table: sums add up, `first_` and `last_` widen.

    COPY into a session's temporary table, then one INSERT. An empty table, as after
    `rebuild`, takes the rows directly.
    """
    name, names = table._meta.db_table, columns.split()
    if not table._default_manager.exists():
        _copy(name, names, rows)
        return
    updates = ", ".join(_widened(name, column) for column in names[keys:])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS incoming_{name} "
            f"(LIKE {name}) ON COMMIT DELETE ROWS"
        )
        _copy(f"incoming_{name}", names, rows)
        cursor.execute(
            f"INSERT INTO {name} ({', '.join(names)}) "  # noqa: S608
            f"SELECT {', '.join(names)} FROM incoming_{name} "
            f"ON CONFLICT ({', '.join(names[:keys])}) DO UPDATE SET {updates}"
        )
        cursor.execute(f"TRUNCATE incoming_{name}")


def _widened(table: str, column: str) -> str:
    if column.startswith("first_"):
        return f"{column} = least({table}.{column}, excluded.{column})"
    if column.startswith("last_"):
        return f"{column} = greatest({table}.{column}, excluded.{column})"
    return f"{column} = {table}.{column} + excluded.{column}"


def _copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    copy_in = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for row in rows:
            copy.write_row(row)
