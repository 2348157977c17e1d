"""What is said of goods is a feature of their categories, and stays if it earns it."""

from datetime import date, timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest

from ml import market_trials, tones
from ml.models import Opinion
from tests.ml.test_market import CUT, planted

NUMBER = count()


def wrote(
    texts: int, *, bad: int, days: int, category: str = "TEA", **more: Any
) -> None:
    """Have texts written so many days before the cut-off, some of them bad."""
    Opinion.objects.bulk_create(
        Opinion(
            review=f"r{next(NUMBER)}",
            day=CUT.date() - timedelta(days=days),
            category=category,
            source="review",
            negative=n < bad,
            **more,
        )
        for n in range(texts)
    )


def told(*, categories: tuple[str, ...] = ("TEA", "MILK")) -> dict[str, Any]:
    found = tones.said(CUT, list(categories))
    assert found is not None
    return dict(zip(categories, found.tolist(), strict=True))


def test_where_nothing_was_said_there_is_no_feature(db: None) -> None:
    wrote(5, bad=5, days=0)  # on the day itself: not known yet
    wrote(5, bad=5, days=400)
    wrote(5, bad=5, days=9, category="OTHER")
    wrote(5, bad=5, days=9, hidden=True)

    assert tones.said(CUT, ["TEA", "MILK"]) is None


def test_worse_and_more_than_before_is_told_of_that_category_alone(db: None) -> None:
    wrote(200, bad=20, days=200)
    wrote(100, bad=60, days=10)

    worse, more = told()["TEA"]

    assert worse > 1
    assert more > 0.5
    assert told()["MILK"] == [pytest.approx(0), pytest.approx(0)]


def test_what_stays_as_it_was_says_nothing_and_three_texts_say_little(
    db: None,
) -> None:
    wrote(308, bad=31, days=200)
    wrote(56, bad=6, days=10)
    wrote(3, bad=3, days=10, category="MILK")

    worse, more = told()["TEA"]
    few, _ = told()["MILK"]

    assert abs(worse) < 0.15
    assert abs(more) < 0.05
    assert 0 < few < 1


@pytest.mark.parametrize(("effect", "verdict"), [(-0.6, "stays"), (0.0, "left out")])
def test_it_stays_where_customers_buy_less_of_what_is_spoken_ill_of(
    db: None, monkeypatch: pytest.MonkeyPatch, effect: float, verdict: str
) -> None:
    """Reviews are written so that what they say is what moved the purchases, or not."""
    monkeypatch.setattr(market_trials, "LEARNERS", ("logistic",))
    names = [f"c{n}" for n in range(20)]
    parts, hidden = planted(effect)
    columns: dict[str, dict[Any, Any]] = {name: {} for name in tones.COLUMNS}
    for cut in parts.rows:
        Opinion.objects.all().delete()
        ago = (CUT.date() - cut.date()).days
        for name, moved in zip(names, hidden[cut][:, 0].tolist(), strict=True):
            bad = round(100 / (1 + np.exp(1.5 - moved)))
            wrote(100, bad=18, days=ago + 200, category=name)
            wrote(100, bad=bad, days=ago + 10, category=name)
        found = tones.said(cut, names)
        assert found is not None
        for place, column in enumerate(tones.COLUMNS):
            columns[column][cut] = found[:, place]

    (row,) = market_trials.tabled(parts, {"opinions": columns}, seed=0)

    assert row["verdict"] == verdict


def test_days_are_counted_in_the_whole(db: None) -> None:
    wrote(50, bad=50, days=56)
    wrote(50, bad=0, days=57)

    worse, _ = told()["TEA"]

    assert worse > 1
    assert CUT.date() - tones.LATELY == date(2026, 4, 6)
