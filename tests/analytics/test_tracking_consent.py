"""What consent managers say is understood; the later word counts."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import Customer
from tests.analytics.tracked import Post, key, post, track

__all__ = ["key", "post"]


@pytest.mark.parametrize(
    ("word", "consent"),
    [(True, True), (False, False), ("granted", True), ("denied", False), (None, False)],
)
def test_consent_managers_words_are_understood(
    post: Post, word: object, *, consent: bool
) -> None:
    said = {"consent": {"categoryPreferences": {"advertising": word}}}

    post("/v1/t", track(context=said))

    assert Customer.objects.get(external_id="ana").consent is consent


def test_a_batchs_yes_is_a_yes_among_many_categories(post: Post) -> None:
    many = {f"category {n}": False for n in range(30)} | {"Advertising": "true"}
    context = {"consent": {"categoryPreferences": many}}

    post("/v1/batch", {"batch": [track()], "context": context})

    assert Customer.objects.get(external_id="ana").consent is True


def test_of_two_words_at_once_the_later_counts(post: Post) -> None:
    def said(*, yes: bool) -> dict[str, Any]:
        return {"consent": {"categoryPreferences": {"Advertising": yes}}}

    batch = [
        track(messageId=f"m-{yes}", timestamp=None, context=said(yes=yes))
        for yes in (True, False)
    ]

    post("/v1/batch", {"batch": batch})

    assert Customer.objects.get(external_id="ana").consent is False


def test_a_yes_from_the_future_does_not_outlast_a_no(post: Post, api: Any) -> None:
    ahead = (timezone.now() + timedelta(minutes=4)).isoformat()
    yes = {"consent": {"categoryPreferences": {"Advertising": True}}}
    post("/v1/track", track(timestamp=ahead, context=yes))

    api.post("/api/v1/consent", {"customer": "ana", "personalised": False}, "json")

    assert Customer.objects.get(external_id="ana").consent is False


def test_nobody_can_take_the_place_of_a_messages_consent(post: Post) -> None:
    post("/v1/track", track(messageId="consent of m-1", userId="eve"))
    no = {"consent": {"categoryPreferences": {"Advertising": False}}}

    post("/v1/track", track(messageId="m-1", context=no))

    assert Customer.objects.get(external_id="ana").consent is False
