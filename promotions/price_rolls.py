"""Put lines of price changes into force, and out of it: one transaction, all or none.

What should be in force follows from the strategies' states and the lines' periods, so
to roll twice is safe, and a worker that was away catches up. Locks are taken in one
order: strategies by id, then the products (catalog.prices), the log last.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from analytics import events, glances, store
from catalog import feed_prices, prices, rulebook
from catalog.prices import Move
from promotions.models import PriceLine, Strategy

log = logging.getLogger(__name__)
State = PriceLine.State
UNDECIDED = (State.PROPOSED, State.PLANNED, State.RUNNING)
FOLLOWED = (Strategy.State.LIVE, Strategy.State.PAUSED, Strategy.State.ENDED)
# What time and feeds bring about; a decision turns its own lines as it is
# taken (promotions.approval).
DUE = """
SELECT l.strategy_id FROM promotions_priceline l
JOIN promotions_strategy s ON s.id = l.strategy_id
JOIN promotions_campaign c ON c.id = s.campaign_id
LEFT JOIN catalog_pricehold h ON h.sku = l.sku AND h.strategy = l.strategy_id
WHERE l.state IN ('planned', 'running') AND (
  l.state = 'planned' AND s.state = 'live' AND l.starts_at <= %(at)s
  OR l.ends_at <= %(at)s
  OR l.state = 'running' AND h.overruled_at IS NOT NULL
  OR l.ends_at IS NULL AND c.ends_at <= %(at)s
) GROUP BY 1 ORDER BY min(least(l.starts_at, l.ends_at)), 1
"""


def steps(lines: Sequence[PriceLine]) -> events.PricesProposed:
    """Return lines as the log holds them."""
    return events.PricesProposed(
        lines=tuple(
            events.PriceStep(
                sku=line.sku,
                price=line.price,
                was=line.was,
                starts_at=line.starts_at,
                ends_at=line.ends_at,
            )
            for line in lines
        )
    )


def due(*, at: datetime) -> list[UUID]:
    """Return the strategies of which lines begin, end or were overruled by now."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"at": at})
        return [key for (key,) in cursor.fetchall()]


def roll(*, at: datetime) -> int:
    """Turn all that is due, each strategy in a transaction of its own."""
    strategies, failed = due(at=at), []
    for key in strategies:
        try:
            with transaction.atomic():
                strategy = Strategy.objects.select_for_update().get(id=key)
                prices.lock()
                turn([strategy], at=at)
        except Exception as error:  # the others begin and end on time
            log.exception("Prices of %s cannot be turned", key)
            failed.append(error)
    if failed:
        raise failed[0]
    return len(strategies)


def turn(strategies: Sequence[Strategy], *, at: datetime) -> None:
    """Bring prices to what these strategies' states say, and log what became.

    In the caller's transaction, which has locked them, then the products.
    """
    followed = {one.id: one for one in strategies if one.state in FOLLOWED}
    rows = PriceLine.objects.filter(strategy__in=followed, state__in=UNDECIDED)
    lines = list(rows.order_by("sku", "starts_at", "id"))
    to = {line: _target(line, followed[line.strategy_id], at) for line in lines}
    _overrule(to, _overruled(lines))
    # Before `set_prices`: it frees only holds that run, so what is settled stays.
    _settle([line for line in to if _stays(line, followed[line.strategy_id], to)], at)
    begins = [line for line in to if to[line] == State.RUNNING != line.state]
    # Not what was overruled: the shop's own price is in force there.
    frees = {
        line.sku: line.strategy_id
        for line in to
        if line.state == State.RUNNING and to[line] in (State.OVER, State.PLANNED)
    }
    moves = _moves(begins, lines)
    _write(to, [State.OVER, State.OVERRULED])  # others may take their place
    changed, refused = prices.set_prices(moves, frees, at=at)
    # The price that the line was approved against has changed, or there is none.
    _overrule(to, {(one.strategy_id, one.sku) for one in begins if one.sku in refused})
    _write(to, [State.OVERRULED, State.PLANNED, State.RUNNING])
    store.append(changed, at=at)
    for strategy in followed.values():
        _log(strategy, to, at)


def _target(line: PriceLine, strategy: Strategy, at: datetime) -> str:
    """Say what a line should be."""
    if strategy.state == Strategy.State.ENDED or (line.ends_at and line.ends_at <= at):
        return State.OVER
    if line.ends_at is None and strategy.campaign.ends_at <= at:
        return State.OVER
    if strategy.state == Strategy.State.PAUSED or line.starts_at > at:
        return State.PLANNED
    return State.RUNNING


def _stays(line: PriceLine, strategy: Strategy, to: Mapping[PriceLine, str]) -> bool:
    """Whether a line without an end is over with its campaign: its price stays."""
    ends = line.state == State.RUNNING and to[line] == State.OVER
    return ends and line.ends_at is None and strategy.state == Strategy.State.LIVE


def _settle(lines: Sequence[PriceLine], at: datetime) -> None:
    for strategy in {line.strategy_id for line in lines}:
        mine = [line.sku for line in lines if line.strategy_id == strategy]
        prices.settle(mine, strategy, at=at)


def _overruled(lines: Sequence[PriceLine]) -> set[tuple[UUID, str]]:
    holds = feed_prices.held(
        {line.sku for line in lines if line.state == State.RUNNING}
    )
    return {(h.strategy, h.sku) for h in holds.values() if h.overruled_at}


def _overrule(to: dict[PriceLine, str], which: Collection[tuple[UUID, str]]) -> None:
    """What the feed has overruled is so with all that was to follow."""
    for line in to:
        if (line.strategy_id, line.sku) in which:
            to[line] = State.OVERRULED


def _moves(begins: Sequence[PriceLine], lines: Sequence[PriceLine]) -> list[Move]:
    first = {(line.strategy_id, line.sku): line.was for line in reversed(lines)}
    last = {(line.strategy_id, line.sku): line for line in lines}
    progressive = rulebook.progressive({line.sku for line in begins})
    return [
        Move(
            sku=line.sku,
            strategy=line.strategy_id,
            price=line.price,
            # The first step's too: a worker that was away may begin a path in its
            # middle, with the price from before all of it in force.
            was={line.was, first[line.strategy_id, line.sku]},
            # Storefronts read it: between steps, an end would tell
            # the next one ahead of time.
            until=line.ends_at if last[line.strategy_id, line.sku] == line else None,
            progressive=line.sku in progressive,
        )
        for line in begins
    ]


def _write(to: Mapping[PriceLine, str], states: Sequence[str]) -> None:
    for state in states:
        ids = [line.id for line, now in to.items() if now == state != line.state]
        if ids:
            PriceLine.objects.filter(id__in=ids).update(state=state)


def _log(strategy: Strategy, to: Mapping[PriceLine, str], at: datetime) -> None:
    became: dict[str, list[tuple[str, datetime]]] = {}
    for line, state in to.items():
        if line.strategy_id == strategy.id and line.state != state:
            became.setdefault(str(state), []).append((line.sku, line.starts_at))
    if became:
        rolled = events.PricesRolled(lines={k: tuple(v) for k, v in became.items()})
        # The strategy is locked: nobody appends to its stream
        # between this look and ours.
        after = glances.version(strategy.stream)
        store.append([rolled], at=at, stream=strategy.stream, after=after)
