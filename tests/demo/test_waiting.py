"""`make run` waits for what moves, and gives up what does not."""

from datetime import timedelta
from itertools import count

import pytest

from demo import loop

SHORT = timedelta(seconds=0.3)


def nothing() -> None:
    """Nothing has failed."""


def test_what_shows_signs_of_life_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "PATIENCE", SHORT)
    asked, beats = count(), count()

    loop._wait_for(
        lambda: next(asked) > 4, nothing, "training", alive=lambda: next(beats)
    )

    assert next(asked) == 6


def test_what_does_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PATIENCE", SHORT)

    with pytest.raises(loop.StepFailed, match="training did nothing"):
        loop._wait_for(lambda: False, nothing, "training", alive=lambda: "a beat")
