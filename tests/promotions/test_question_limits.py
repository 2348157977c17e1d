"""How often may be asked, and that nobody guesses codes by asking."""

from uuid import uuid4

import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions import question_limits
from promotions.models import HandOver
from tests.promotions.asking import ask, browser, cast, clean

__all__ = ["browser", "cast", "clean"]


def test_too_many_questions_wait(
    cast: dict[str, Customer], api: APIClient, settings: LazySettings
) -> None:
    settings.QUESTIONS_IN_5_MINUTES = 2
    answers = [ask(api, "hello", customer="ana") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    left = int(answers[2].headers["Retry-After"])
    assert question_limits.WINDOW - 60 < left <= question_limits.WINDOW
    assert (
        ask(api, "hello", customer="ben", conversation=str(uuid4())).status_code == 200
    )


def test_wrong_codes_are_counted_here_too(
    cast: dict[str, Customer], api: APIClient
) -> None:
    for start in range(0, 12, 4):
        codes = " and ".join(f"GUESS{start + n}X9" for n in range(4))
        ask(api, f"do {codes} work", customer="ana")
    told = ask(api, "is COFFEE15 valid", customer="ana").json()

    assert "15 %" not in told["answer"]
    assert HandOver.objects.get().reason == "codes_paused"


def test_a_browser_guesses_no_longer_under_new_names(
    cast: dict[str, Customer], browser: APIClient, settings: LazySettings
) -> None:
    for start in range(0, 12, 4):
        codes = " and ".join(f"GUESS{start + n}X9" for n in range(4))
        ask(browser, f"do {codes} work", visitor=uuid4().hex)
    told = ask(browser, "is COFFEE15 valid", visitor=uuid4().hex).json()
    assert "15 %" not in told["answer"]
    assert HandOver.objects.get().reason == "codes_paused"

    settings.QUESTIONS_IN_5_MINUTES = 1
    assert ask(browser, "hello", visitor=uuid4().hex).status_code == 429
    assert (
        browser.post(
            "/api/v1/questions",
            {"conversation": str(uuid4()), "text": "hello"},
            format="json",
            REMOTE_ADDR="198.51.100.7",
        ).status_code
        == 200
    )


@pytest.mark.parametrize("word", ["thanks", "ok", "hello?", "Thank you"])
def test_who_is_polite_guesses_no_code(
    cast: dict[str, Customer],
    api: APIClient,
    word: str,
) -> None:
    asked = ask(api, "is my code valid", customer="ana").json()
    assert asked["replies"][0]["facts"]["needs"] == "code"

    told = ask(api, word, customer="ana").json()
    assert "code" not in [one["kind"] for one in told["replies"]]
