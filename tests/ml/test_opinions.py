"""What is said is judged, counted, and told of where it turns."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import StoredEvent
from catalog import reviews
from catalog.models import Review
from ml import judging, opinions, sentences, sentiment, surges
from ml.alerts import current
from ml.grams import language
from ml.models import Opinion, Surge

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("Excellent, it works perfectly and I love it.", "positive"),
        ("Terrible. It broke after two days, do not buy it.", "negative"),
        ("质量非常好，很喜欢，下次还会再买。", "positive"),
        ("太差了，用了两天就坏了，客服也不理人。", "negative"),
    ],
)
def test_clear_texts_are_read(text: str, tone: str) -> None:
    (reading,) = sentiment.read([text])

    assert reading.tone == tone
    assert sum(reading.chances) == pytest.approx(1.0)
    assert max(reading.chances) > 0.6


def test_each_aspect_has_a_tone_of_its_own() -> None:
    english, chinese = sentiment.read(
        [
            "Great quality, but the delivery was terribly slow.",
            "质量很好，但是快递太慢了。",
        ]
    )

    for one in (english, chinese):
        assert one.aspects["quality"] > 0.3 > -0.1 > one.aspects["delivery"]


@given(st.text(max_size=300))
def test_whatever_is_written_is_read(text: str) -> None:
    (one,) = sentiment.read([text])

    assert np.isfinite(one.chances).all()
    assert np.isfinite([part for _, part in one.words]).all()


@pytest.mark.parametrize("text", ["It never worked, awful!", "味道不好，退货了。"])
def test_words_add_up_to_what_was_decided(text: str) -> None:
    tongue = language(text)
    vectors = sentences.encode([text])
    found = sentiment.score([text], [tongue], vectors)
    head = sentiment.weights(tongue).tone
    added = sentiment.parts(head, found.grams[0])

    whole = added.sum() + float(vectors[0] @ head.vector) + head.bias
    assert whole == pytest.approx(found.tone[0], abs=1e-4)


def days(seed: int, texts: float, share: float, size: int = 365) -> Any:
    luck = np.random.default_rng(seed)
    n = luck.poisson(texts, size)
    return n, luck.binomial(n, share)


def test_a_surge_is_found_within_two_days_and_only_then() -> None:
    n, x = days(1, 10, 0.15)
    n[300:307], x[300:307] = 20, 12

    first, *more = [one for one in surges.watch(n, x, usual=0.2) if one.day >= 290]

    assert first.day in (300, 301)
    assert first.last is not None
    assert not more
    assert first.negative > 2 * first.expected


def test_more_texts_of_the_usual_tone_are_no_surge() -> None:
    n, x = days(2, 10, 0.2)
    n[300:307], x[300:307] = 60, 12

    assert not [one for one in surges.watch(n, x, usual=0.2) if one.day >= 300]


def test_an_alarm_ends_where_the_new_is_usual() -> None:
    n, x = days(3, 20, 0.1, 300)
    x[200:] = np.random.default_rng(4).binomial(n[200:], 0.5)

    found = [one for one in surges.watch(n, x, usual=0.2) if one.day >= 200]

    assert found[0].day <= 201
    assert found[-1].last is not None


@given(
    st.integers(0, 200), st.integers(0, 200), st.floats(0.5, 100), st.floats(0.5, 100)
)
def test_a_tail_is_a_chance_and_falls(n: int, x: int, a: float, b: float) -> None:
    assert (
        0.0
        <= surges.tail(n, min(n, x + 1), a, b)
        <= surges.tail(n, min(n, x), a, b) + 1e-9
        <= 1.0 + 1e-9
    )


BAD = "Awful, it broke at once and stinks. Never again!"
GOOD = "Wonderful, we love it, it works perfectly."


def said(day: date, text: str, number: int, **more: Any) -> reviews.Written:
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=1)
    fields: dict[str, Any] = {"sku": "tea", "category": "TEA"} | more
    return reviews.Written(
        id=f"{day}-{number}", text=text, written_at=at, state="published", **fields
    )


@pytest.fixture
def surging(shelf: None) -> None:
    """Tea was liked for three months; since yesterday it is not."""
    today, rows = AT.date(), []
    for n in range(90, 1, -1):
        rows += [
            said(today - timedelta(n), BAD if k == n % 7 else GOOD, k) for k in range(5)
        ]
        rows.append(said(today - timedelta(n), GOOD, 9, sku="milk", category="MILK"))
    for n in (1, 0):
        rows += [said(today - timedelta(n), BAD, k) for k in range(10)]
    reviews.receive(rows, at=AT)
    judging.judge(at=AT)
    opinions.catch_up()


def test_a_surge_is_told_once_and_its_end_too(surging: None) -> None:
    told = opinions.watch(at=AT)

    assert {(one.level, one.key) for one in told} == {
        ("product", "tea"),
        ("category", "TEA"),
    }
    assert all(one.worse for one in told)
    assert opinions.watch(at=AT) == []
    assert {one.code for one in current(AT)} == {"opinion_surge"}
    assert opinions.held().skus == {"tea"} | {"tea"}
    assert "milk" not in opinions.held().skus

    reviews.hide([row.id for row in Review.objects.filter(text=BAD)], by="olga", at=AT)
    opinions.catch_up()
    ended = opinions.watch(at=AT)
    assert [one.worse for one in ended] == [False, False]
    assert not Surge.objects.exists()
    assert not opinions.held()


def test_a_rebuild_counts_again_from_the_log_without_any_text(surging: None) -> None:
    reviews.hide(["2026-05-01-1"], by="olga", at=AT)
    opinions.catch_up()
    before = list(Opinion.objects.order_by("review").values())
    Review.objects.all().delete()
    Opinion.objects.filter(review__startswith="2026-05").delete()
    Opinion.objects.update(negative=True, hidden=True)

    call_command("rebuild", "opinions")

    assert list(Opinion.objects.order_by("review").values()) == before
    assert sum(row["hidden"] for row in before) == 1
    judged = StoredEvent.objects.filter(type="review_judged")
    assert len(before) == judged.count()
    assert "stinks" not in str(list(judged.values_list("data", flat=True)[:200]))


def test_a_changed_text_is_judged_anew_and_counts_once(shelf: None) -> None:
    reviews.receive([said(AT.date(), GOOD, 1)], at=AT)
    judging.judge(at=AT)
    reviews.receive([said(AT.date(), BAD, 1)], at=AT)
    assert judging.judge(at=AT) == 1
    opinions.catch_up()

    assert Opinion.objects.get().negative
    assert judging.judge(at=AT) == 0
