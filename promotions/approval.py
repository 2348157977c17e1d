"""The one road from proposed to live to ended, with pauses.

Each step locks the strategy, refuses a wrong state, and appends the decision to the
strategy's stream last. Going live enqueues the offers; nothing else makes them. Prices
of a price change go into force, and back, in the decision's own transaction. A new
version takes the old one's place in one transaction, with its codes, all that was
counted, and whoever has used it (promotions.versions).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from analytics import events, glances, store
from analytics.races import anew
from analytics.wording import APART, Wording, joined, revived
from catalog import prices
from promotions import price_rolls, versions
from promotions.decision_rules import (
    PASSING,
    RUNS,
    STEPS,
    TURNS,
    CommentMissing,
    GuardFailed,
    OwnProposal,
)
from promotions.guards_now import checks
from promotions.histories import replaced, wrote
from promotions.models import Offer, PriceLine, Strategy
from promotions.offers import forget, refresh_soon

State = Strategy.State
# A number of its own: by that of imports an approval waits for an import of orders.
APPROVAL_LOCK = 7_102_036
"""An advisory lock's key, a public constant like analytics.log_lock.LOG_LOCK."""


def propose(
    strategy: Strategy, *, by: str, at: datetime, lines: Sequence[PriceLine] = ()
) -> None:
    """Save a new proposal and log all of it, with the lines of a price change.

    :raises ValidationError: its fields make no sense.
    """
    strategy.full_clean(exclude=["campaign"])
    with transaction.atomic():
        strategy.state, strategy.proposed_at = State.PROPOSED, at
        strategy.save(force_insert=True)
        PriceLine.objects.bulk_create(lines)
        proposed = events.StrategyProposed(
            kind=strategy.kind,
            title=strategy.title,
            by=by,
            scope=tuple(strategy.scope),
            menu=strategy.menu,
            trigger=strategy.trigger,
            rule=strategy.rule,
            campaign=strategy.campaign_id,
            version=strategy.version,
            replaces=strategy.replaces_id,
            reason=strategy.reason,
            least_margin=strategy.least_margin,
            explore=strategy.explore,
            allocation=strategy.allocation,
            renews_days=strategy.renews_days,
            budget=strategy.budget,
            currency=strategy.currency,
            holdout=strategy.holdout,
            forecast={
                name: value
                for name, value in strategy.forecast.items()
                # How it is said in other languages is for pages: the log stays English.
                if name != "said"
            },
        )
        steps = [price_rolls.steps(lines)] if lines else []
        store.append([proposed, *steps], at=at, stream=strategy.stream, after=0)


def approve(strategy: UUID | str, *, by: str, comment: str, at: datetime) -> None:
    """Make a proposed strategy live and enqueue its offers.

    :raises NotProposed: it is not waiting for a decision.
    :raises GuardFailed: one of its guards does not hold.
    :raises CommentMissing: the comment is blank.
    :raises OwnProposal: it was proposed by whoever approves it.
    """
    event = events.StrategyApproved(by=by, comment=comment)
    anew(lambda: _decide(strategy, event, at=at, then=_go_live))


def reject(strategy: UUID | str, *, by: str, comment: str, at: datetime) -> None:
    """Refuse a proposed strategy for ever.

    :raises NotProposed: it is not waiting for a decision.
    :raises CommentMissing: the comment is blank.
    """
    _decide(strategy, events.StrategyRejected(by=by, comment=comment), at=at)


def request_changes(
    strategy: UUID | str, *, by: str, comment: str, at: datetime
) -> None:
    """Give a proposal back: its next version may be approved, itself no more.

    :raises NotProposed: it is not waiting for a decision.
    :raises CommentMissing: the comment is blank.
    """
    _decide(strategy, events.StrategyReturned(by=by, comment=comment), at=at)


def pause(strategy: UUID | str, *, by: str, comment: str, at: datetime) -> None:
    """Stop a live strategy until it is resumed: its offers vanish at once.

    Who is in which arm stays, and measurement goes on: whoever was assigned counts.

    :raises NotLive: it is not live.
    :raises CommentMissing: the comment is blank.
    """
    event = events.StrategyPaused(by=by, comment=comment)
    _decide(strategy, event, at=at, then=_withdraw_offers)


def resume(strategy: UUID | str, *, by: str, comment: str, at: datetime) -> None:
    """Make a paused strategy live again and enqueue its offers.

    :raises NotPaused: it is not paused.
    :raises GuardFailed: one of its guards does not hold any more.
    :raises CommentMissing: the comment is blank.
    """
    event = events.StrategyResumed(by=by, comment=comment)
    anew(lambda: _decide(strategy, event, at=at, then=_go_live))


def comment(strategy: UUID | str, *, by: str, comment: str, at: datetime) -> None:
    """Say something of a strategy, and decide nothing.

    :raises CommentMissing: the comment is blank.
    """
    _insist_on(comment)
    with transaction.atomic():
        event = events.StrategyCommented(by=by, comment=comment)
        _log(_locked(strategy), event, at)


def end(strategy: UUID | str, *, by: str, comment: str, at: datetime) -> None:
    """Stop a live or paused strategy: its offers vanish at once.

    :raises NotLive: it is neither.
    :raises CommentMissing: the comment is blank.
    """
    event = events.StrategyEnded(by=by, comment=comment)
    _decide(strategy, event, at=at, then=_withdraw_offers)


def _decide(
    key: UUID | str,
    event: events.StrategyDecided,
    *,
    at: datetime,
    then: Callable[[Strategy], None] | None = None,
) -> None:
    needed, made, refusal = STEPS[type(event)]
    _insist_on(event.comment)
    with transaction.atomic():
        strategy = _locked(key)
        # A rejection moves no price, so it must not wait for an import of products.
        turns = strategy.prices and made in TURNS
        if turns:
            # Strategies by id, then products, which feeds lock too, the log last.
            prices.lock()
        if strategy.state not in needed:
            raise refusal(
                Wording(
                    "“%(title)s” is %(state)s.",
                    title=strategy.title,
                    state=strategy.get_state_display(),
                )
            )
        # When resumed, too: its campaign may be over by now.
        if made == State.LIVE:
            _check(strategy, at)
        if isinstance(event, events.StrategyApproved):
            _by_another(strategy, event.by)
            _replace(strategy, event.by, at)
        _keep(strategy, made, event, at)
        # A price change has no offers, to be made or withdrawn.
        if then and not strategy.prices:
            then(strategy)
        _log(strategy, event, at)
        if turns:
            # With the versions before: the new one takes over with no moment between.
            price_rolls.turn([strategy, *replaced(strategy)], at=at)


def _insist_on(comment: str) -> None:
    if not comment.strip():
        raise CommentMissing(Wording("Say why, in a word or two."))


def _keep(
    strategy: Strategy, made: State, event: events.StrategyDecided, at: datetime
) -> None:
    strategy.state = made
    if made == State.PAUSED:
        strategy.paused_at = at
    if not isinstance(event, PASSING):
        strategy.decided_at = at
        strategy.decided_by, strategy.comment = event.by, event.comment
    decided = ["decided_at", "decided_by", "comment"]
    strategy.save(update_fields=["state", "paused_at", *decided])


def _locked(key: UUID | str) -> Strategy:
    """Lock a strategy and those it replaces, by id, as redemptions do."""
    # Unlocked, for its ids alone: what is decided on is read under the lock.
    mine = Strategy.objects.select_related("replaces").get(id=key)
    ids = [mine.id, *(one.id for one in replaced(mine))]
    rows = Strategy.objects.filter(id__in=ids)
    locked = {row.id: row for row in rows.order_by("id").select_for_update()}
    # By the row's id, since `key` may be its text.
    return locked[mine.id]


def _log(strategy: Strategy, event: events.Event, at: datetime) -> None:
    version = glances.version(strategy.stream)
    store.append([event], at=at, stream=strategy.stream, after=version)


def needs_another(strategy: Strategy, by: str) -> bool:
    """Whether somebody else must approve it: it is theirs."""
    return settings.FOUR_EYES and wrote(strategy, by)


def _by_another(strategy: Strategy, by: str) -> None:
    if needs_another(strategy, by):
        raise OwnProposal("Somebody else must approve what you proposed.")


def _check(strategy: Strategy, at: datetime) -> None:
    with connection.cursor() as cursor:  # two of a group must not pass each other
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [APPROVAL_LOCK])
    failed = [
        Wording(
            "%(name)s (%(detail)s)",
            name=Wording(guard["name"]),
            detail=revived(guard.get("said", guard["detail"])),
        )
        for guard in checks(strategy, at=at)
        if not guard["passed"]
    ]
    if failed:
        raise GuardFailed(
            Wording(
                "These guards do not hold: %(failed)s.", failed=joined(APART, failed)
            )
        )


def _replace(strategy: Strategy, by: str, at: datetime) -> None:
    """End the version before; what it has, the new one goes on with."""
    for old in replaced(strategy):
        _end(old, strategy, by, at)
        versions.hand_over(old, strategy)


def _end(old: Strategy, strategy: Strategy, by: str, at: datetime) -> None:
    # Versions that were returned in between never ran.
    if old.state in RUNS:
        comment = f"Replaced by version {strategy.version}."
        old.state, old.decided_at = State.ENDED, at
        old.decided_by, old.comment = by, comment
        old.save(update_fields=["state", "decided_at", "decided_by", "comment"])
        if not old.prices:
            _withdraw_offers(old)
        ended = events.StrategyEnded(by=by, comment=comment, replaced_by=strategy.id)
        _log(old, ended, at)


def _go_live(_: Strategy) -> None:
    # Only once this is committed: the worker must find it live.
    refresh_soon()


def _withdraw_offers(strategy: Strategy) -> None:
    offers = Offer.objects.filter(strategy=strategy, redeemed_at=None)
    customers = list(offers.values_list("customer", flat=True))
    # Offers before sheets, as everywhere: the other order could deadlock.
    offers.delete()
    forget(customers)
    refresh_soon()
