"""Whatever happens to prices, the log says what the tables hold."""

import contextlib
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from promotions import approval, decision_rules, price_rolls
from tests.conftest import NOW
from tests.promotions.rolled import DAY, feed, folded, held, line, listed, live, shelf

__all__ = ["shelf"]

pytestmark = pytest.mark.django_db


def test_the_log_folded_again_is_what_the_tables_hold() -> None:
    first = live(line("8.99"), line("1.79", was="2.00", sku="milk"))
    feed(listed("9.50"), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)
    approval.pause(first.id, by="olga", comment="Wait.", at=NOW + 2 * DAY)
    approval.resume(first.id, by="olga", comment="Go.", at=NOW + 3 * DAY)
    price_rolls.roll(at=NOW + 7 * DAY)

    assert folded() == held()


LONG = st.lists(
    st.tuples(
        st.sampled_from(["feed", "roll", "pause", "resume"]),
        st.sampled_from(["10.00", "8.99", "7.99", "9.50"]),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(steps=LONG)
def test_whatever_happens_the_log_says_what_the_tables_hold(steps: Any) -> None:
    with transaction.atomic():
        strategy = live(
            line("8.99", ends=NOW + 3 * DAY),
            line("7.99", was="8.99", starts=NOW + 3 * DAY, ends=NOW + 6 * DAY),
        )
        for day, (what, said) in enumerate(steps, start=1):
            at = NOW + day * DAY
            if what == "feed":
                feed(listed(said), at=at)
            elif what == "roll":
                price_rolls.roll(at=at)
            else:
                with contextlib.suppress(*decision_rules.REFUSALS):
                    step = approval.pause if what == "pause" else approval.resume
                    step(strategy.id, by="olga", comment="x", at=at)
        price_rolls.roll(at=NOW + 9 * DAY)

        assert folded() == held()
        running = strategy.price_lines.filter(state__in=["running", "planned"])
        assert not running.exists() or strategy.state == "paused"
        transaction.set_rollback(True)
