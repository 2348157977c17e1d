"""Which decisions a strategy takes in which state, and why one is refused."""

from collections.abc import Collection, Mapping

from analytics import events
from promotions.models import Strategy

State = Strategy.State


class NotProposed(Exception):
    """Only a proposed strategy can be approved or rejected."""


class NotLive(Exception):
    """Only a live strategy can be paused, only a live or paused one ended."""


class NotPaused(Exception):
    """Only a paused strategy can be resumed."""


class GuardFailed(Exception):
    """A strategy whose guards do not hold cannot be approved."""


class CommentMissing(Exception):
    """A decision needs a comment, for whoever asks later."""


class OwnProposal(Exception):
    """Nobody approves what they proposed themselves: four eyes."""


REFUSALS = (
    *(NotProposed, NotLive, NotPaused),
    *(GuardFailed, CommentMissing, OwnProposal),
)
RUNS = (State.LIVE, State.PAUSED)
TURNS = (*RUNS, State.ENDED)
"""States that bring prices into force, or back."""
STEPS: Mapping[type[events.Event], tuple[Collection[State], State, type[Exception]]] = {
    events.StrategyApproved: ([State.PROPOSED], State.LIVE, NotProposed),
    events.StrategyRejected: ([State.PROPOSED], State.REJECTED, NotProposed),
    events.StrategyReturned: ([State.PROPOSED], State.RETURNED, NotProposed),
    events.StrategyPaused: ([State.LIVE], State.PAUSED, NotLive),
    events.StrategyResumed: ([State.PAUSED], State.LIVE, NotPaused),
    events.StrategyEnded: (RUNS, State.ENDED, NotLive),
}
"""Decision -> the states it needs, the state it makes, and the refusal."""
PASSING = (events.StrategyPaused, events.StrategyResumed)
"""Decisions that leave it as it is who made the strategy live, when and why."""
