"""What was decided on a strategy and the versions before it, and who proposed it."""

from collections.abc import Iterator

from analytics import events, glances, store
from promotions.models import Strategy

State = Strategy.State


def history(strategy: Strategy) -> list[store.Stored]:
    """Return the decisions on a strategy, oldest first."""
    return glances.read_stream(strategy.stream)


def before(strategy: Strategy) -> Iterator[tuple[Strategy, list[store.Stored]]]:
    """Yield the versions before, newest first, with the decisions on them."""
    old = strategy.replaces
    while old:
        yield old, history(old)
        old = old.replaces


def replaced(strategy: Strategy) -> Iterator[Strategy]:
    """Yield the version before, and those before it that were returned meanwhile."""
    before = strategy.replaces
    while before:
        yield before
        before = before.replaces if before.state == State.RETURNED else None


def wrote(strategy: Strategy, by: str) -> bool:
    """Whether they proposed it, as the log knows.

    So they did if they wrote of it before it was returned for changes.
    """
    written = [one for one in replaced(strategy) if one.state == State.RETURNED]
    first = [history(one)[0].event for one in (strategy, *written)]
    return any(isinstance(e, events.StrategyProposed) and e.by == by for e in first)
