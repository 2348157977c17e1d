"""The one road from proposed to live to ended.

Each step locks the strategy, refuses a wrong state, and appends the decision to the
strategy's stream last. Going live enqueues the offers; nothing else makes them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from analytics import events, store
from promotions.models import Offer, Strategy
from promotions.offers import forget, refresh_soon

State = Strategy.State


class NotProposed(Exception):
    """Only a proposed strategy can be approved or rejected."""


class NotLive(Exception):
    """Only a live strategy can be ended."""


class GuardFailed(Exception):
    """A strategy whose guards do not hold cannot be approved."""


class CommentMissing(Exception):
    """A decision needs a comment, for whoever asks later."""


def propose(strategy: Strategy, *, by: str, at: datetime) -> None:
    """Save a new proposal and log it with its forecast."""
    strategy.full_clean(exclude=["campaign"])
    with transaction.atomic():
        strategy.state, strategy.proposed_at = State.PROPOSED, at
        strategy.save(force_insert=True)
        proposed = events.StrategyProposed(
            kind=strategy.kind,
            title=strategy.title,
            by=by,
            scope=tuple(strategy.scope),
            menu=strategy.menu,
            budget=strategy.budget,
            currency=strategy.currency,
            holdout=strategy.holdout,
            forecast=strategy.forecast,
        )
        store.append([proposed], at=at, stream=strategy.stream, after=0)


def approve(strategy: UUID, *, by: str, comment: str, at: datetime) -> None:
    """Make a proposed strategy live and enqueue its offers.

    :raises NotProposed: it is not waiting for a decision.
    :raises GuardFailed: one of its guards does not hold.
    :raises CommentMissing: the comment is blank.
    """
    event = events.StrategyApproved(by=by, comment=comment)
    _decide(strategy, event, at=at, then=_go_live)


def reject(strategy: UUID, *, by: str, comment: str, at: datetime) -> None:
    """Refuse a proposed strategy for ever.

    :raises NotProposed: it is not waiting for a decision.
    :raises CommentMissing: the comment is blank.
    """
    _decide(strategy, events.StrategyRejected(by=by, comment=comment), at=at)


def end(strategy: UUID, *, by: str, comment: str, at: datetime) -> None:
    """Stop a live strategy: its offers vanish at once.

    :raises NotLive: it is not live.
    :raises CommentMissing: the comment is blank.
    """
    event = events.StrategyEnded(by=by, comment=comment)
    _decide(strategy, event, at=at, then=_withdraw_offers)


def history(strategy: Strategy) -> list[store.Stored]:
    """Return the decisions on a strategy, oldest first."""
    return store.read_stream(strategy.stream)


STEPS: Mapping[type[events.Event], tuple[State, State, type[Exception]]] = {
    events.StrategyApproved: (State.PROPOSED, State.LIVE, NotProposed),
    events.StrategyRejected: (State.PROPOSED, State.REJECTED, NotProposed),
    events.StrategyEnded: (State.LIVE, State.ENDED, NotLive),
}
"""Decision -> the state it needs, the state it makes, and the refusal."""


def _decide(
    key: UUID,
    event: events.StrategyDecided,
    *,
    at: datetime,
    then: Callable[[Strategy], None] | None = None,
) -> None:
    needed, made, refusal = STEPS[type(event)]
    if not event.comment.strip():
        raise CommentMissing("Say why, in a word or two.")
    with transaction.atomic():
        strategy = Strategy.objects.select_for_update().get(id=key)
        if strategy.state != needed:
            raise refusal(f"“{strategy.title}” is {strategy.get_state_display()}.")
        strategy.state, strategy.decided_at = made, at
        strategy.decided_by, strategy.comment = event.by, event.comment
        strategy.save(update_fields=["state", "decided_at", "decided_by", "comment"])
        if then:
            then(strategy)
        version = store.version(strategy.stream)
        store.append([event], at=at, stream=strategy.stream, after=version)


def _go_live(strategy: Strategy) -> None:
    failed = [guard["name"] for guard in strategy.guards if not guard["passed"]]
    if failed:
        raise GuardFailed(f"These guards do not hold: {', '.join(failed)}.")
    # Only once this is committed: the worker must find it live.
    refresh_soon()


def _withdraw_offers(strategy: Strategy) -> None:
    offers = Offer.objects.filter(strategy=strategy, redeemed_at=None)
    customers = list(offers.values_list("customer", flat=True))
    # Offers before sheets, as everywhere: the other order could deadlock.
    offers.delete()
    forget(customers)
    refresh_soon()
