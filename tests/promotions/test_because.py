from math import log, log1p
from typing import Any

from ml.baskets import FEATURES
from ml.served import SESSION_PART, Recommended
from promotions.because import reasons


def product(
    parts: dict[str, float], *, low: tuple[str, ...] = (), **values: float
) -> Recommended:
    """Return a product bought five times, last a week ago, third on the own list."""
    often = {
        "orders": log1p(5),
        "recency": log1p(7),
        "due": log1p(1),
        "rank": log1p(2),
        "near": log(0.3),
        "last_visit": 0.0,
    }
    return Recommended(
        sku="1",
        score=1,
        parts=parts,
        values=dict.fromkeys(FEATURES, 0.0) | often | values,
        above=frozenset(parts) - set(low),
    )


NEVER: Any = {"orders": 0.0, "recency": log1p(400), "due": 0.0, "rank": 0.0}


def test_what_raised_most_is_said_first_and_what_lowered_never() -> None:
    parts = {"orders": 2.0, "near": 3.0, "gap": 4.0, "popular": -1.0, "kept": 0.5}

    assert reasons(product(parts)) == ["bought by customers like you", "bought often"]


def test_what_is_not_true_is_not_said() -> None:
    parts = {"orders": 2.0, "rank": 1.9, "fresh_15": 1.0, "last_visit": 1.0}

    told = reasons(product(parts, low=("rank",)), most=9)
    rarely = reasons(product(parts, low=("rank",), orders=log1p(2)), most=9)
    never = reasons(product(parts, low=("rank",), **NEVER), most=9)

    assert told == ["bought often", "among your favourites", "bought lately"]
    assert rarely == ["among your favourites", "bought lately"]
    assert never == []


def test_a_feature_that_raised_by_being_low_is_no_reason_for_high_words() -> None:
    parts = {"fresh_100": 1.0, "due": 0.5}

    assert reasons(product(parts)) == [
        "bought regularly",
        "it may be time to buy it again",
    ]
    assert reasons(product(parts, low=("fresh_100", "due"))) == []


def test_of_neighbours_only_what_they_bought() -> None:
    parts = {"near": 1.0, "blend": 2.0, SESSION_PART: 0.1}

    assert reasons(product(parts, **NEVER)) == [
        "bought by customers like you",
        "goes with what you look at or have in the cart",
    ]
    alone = product(parts, near=log(1e-4), **NEVER)
    assert reasons(alone) == ["goes with what you look at or have in the cart"]
