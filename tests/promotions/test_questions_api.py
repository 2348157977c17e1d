"""Who may ask the assistant what, and what is kept of it."""

from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from rest_framework.test import APIClient

from analytics import events, privacy, store
from analytics.models import Customer, StoredEvent
from demo.bench.service_cast import NOW
from promotions import conversations, help_texts
from promotions.models import Conversation, HandOver, HelpText, Question
from tests.promotions.asking import TALK, ask, browser, cast, clean, read

__all__ = ["browser", "cast", "clean"]


def test_an_answer_has_its_facts_and_cites_them(
    cast: dict[str, Customer], api: APIClient
) -> None:
    told = ask(api, "what offers do I have", customer="ana").json()

    assert told["outcome"] == "answered"
    reply = told["replies"][0]
    assert [one["title"] for one in reply["facts"]["offers"]] == [
        "10 % off",
        "20 % off",
    ]
    sources = {one["kind"] for one in reply["sources"]}
    assert sources == {"offer", "promotion"}
    offer = next(one for one in reply["sources"] if one["kind"] == "offer")
    assert offer["link"] == "/api/v1/customers/ana/offers"
    assert "10 % off (TEA), until the end of 14 December 2026" in told["answer"]


def test_a_help_text_is_cited_by_its_version(
    cast: dict[str, Customer], api: APIClient
) -> None:
    old = HelpText.objects.get(slug="returns", language="en")
    new = help_texts.write("returns", "en", by="sue", at=NOW, body="Within 60 days.")
    before = ask(api, "how do I return something").json()
    help_texts.publish(new.pk, by="sue", at=NOW)
    after = ask(api, "how do I return something").json()

    assert old.body == before["answer"]
    assert "Within 60 days." in after["answer"]
    source = after["replies"][0]["sources"][0]
    assert (source["id"], source["version"]) == ("returns", 2)


@pytest.mark.parametrize("text", ["what is aurora", "when does aurora begin"])
def test_a_draft_is_not_shown(
    cast: dict[str, Customer], api: APIClient, text: str
) -> None:
    answer = ask(api, text, customer="ana").json()["answer"]

    assert "20 December" not in answer
    assert "SECRET50" not in answer


def test_a_browser_names_no_customer(
    cast: dict[str, Customer], browser: APIClient
) -> None:
    refused = ask(browser, "what offers do I have", customer="ana")
    assert (refused.status_code, refused.json()["code"]) == (
        403,
        "customer_by_secret_key",
    )
    assert not Question.objects.exists()

    told = ask(browser, "what offers do I have").json()
    assert "free shipping" in told["answer"]
    assert "TEA" not in told["answer"]
    assert read(browser).status_code == 200
    assert read(browser, "ana").status_code == 403


def test_nobody_reads_or_goes_on_with_another_s_conversation(
    cast: dict[str, Customer], api: APIClient, browser: APIClient
) -> None:
    ask(api, "where is my refund", customer="dora")

    assert read(api, "dora").status_code == 200
    for client, customer in ((api, "ana"), (api, ""), (browser, "")):
        assert read(client, customer).status_code == 404
        more = {"customer": customer} if customer else {}
        refused = ask(client, "and how much was it", **more)
        assert (refused.status_code, refused.json()["code"]) == (
            409,
            "conversation_not_yours",
        )
        assert "33.30" not in refused.content.decode()


def test_a_follow_up_is_about_what_was_said(
    cast: dict[str, Customer], api: APIClient
) -> None:
    ask(api, "is COFFEE15 valid", customer="ana")
    told = ask(api, "and when does it end?", customer="ana").json()

    assert "31 January 2027" in told["answer"]
    assert "14 December" not in told["answer"]


def test_of_goods_that_were_paid_back_nobody_says_it_was_the_whole_order(
    cast: dict[str, Customer], api: APIClient
) -> None:
    back = events.OrderRefunded(order_id="ORD-5", currency="USD", skus=("tea-1",))
    store.append_new([store.Fact(event=back, at=NOW, customer=cast["ben"].key)])

    told = ask(api, "where is my refund", customer="ben").json()["answer"]

    assert "Of order ORD-5, goods were paid back" in told
    assert "whole" not in told


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "x" * 1001),
        ("text", ""),
        ("text", "a\0b"),
        ("conversation", "chat-1"),
        ("language", "fr"),
        ("cart", {"lines": [], "customer": "dora"}),
        ("surprise", 1),
    ],
)
def test_what_makes_no_sense_is_refused(
    cast: dict[str, Customer], api: APIClient, field: str, value: object
) -> None:
    body = {"conversation": TALK, "text": "hello", field: value}

    assert api.post("/api/v1/questions", body, format="json").status_code == 400
    assert not Question.objects.exists()


def test_the_log_has_no_words(cast: dict[str, Customer], api: APIClient) -> None:
    words = "my mother's maiden name is Cadwallader, what offers do I have"
    ask(api, words, customer="ana")
    ask(api, "does code CADWALLADER9 work", customer="ana")
    ask(api, "get me a human", customer="ana")

    rows = StoredEvent.objects.filter(type__in=["question_asked", "question_answered"])
    rows |= StoredEvent.objects.filter(type="handed_over")
    assert rows.count() == 6
    assert {row.customer for row in rows} == {cast["ana"].key}
    assert "cadwallader" not in str([row.data for row in rows]).lower()


def test_questions_are_exported_erased_and_forgotten(
    cast: dict[str, Customer], api: APIClient, settings: LazySettings
) -> None:
    ask(api, "get me a human", customer="ana")
    other = str(uuid4())
    ask(api, "hello", customer="ben", conversation=other)

    held = privacy.export("ana")
    assert held
    assert held["held"]["promotions.question"][0]["text"] == "get me a human"
    privacy.erase("ana", by="olga", at=NOW)
    assert not HandOver.objects.exists()
    assert [str(row.id) for row in Conversation.objects.all()] == [other]

    settings.QUESTIONS_KEPT_DAYS = 0
    conversations.forget(at=NOW.replace(year=2027))
    assert not Question.objects.exists()


def test_a_person_s_answer_is_read_where_it_was_asked(
    cast: dict[str, Customer], api: APIClient
) -> None:
    told = ask(api, "转人工", customer="ana").json()
    assert told["person"] == {"waiting": True, "answer": "", "answered_at": None}

    conversations.reply_by_person(UUID(told["id"]), "您好，我是苏。", by="sue", at=NOW)
    newest = read(api, "ana").json()["questions"][-1]
    assert newest["person"]["answer"] == "您好，我是苏。"
    with pytest.raises(conversations.NotWaiting):
        conversations.close(UUID(told["id"]), by="sam", at=NOW)


def test_a_conversation_of_an_unknown_customer_is_theirs_alone(
    cast: dict[str, Customer], api: APIClient
) -> None:
    ask(api, "get me a human", customer="newbie-1")
    assert read(api, "newbie-1").status_code == 200
    for other in ("ana", "newbie-2", ""):
        assert read(api, other).status_code == 404
        more = {"customer": other} if other else {}
        assert ask(api, "hello", **more).status_code == 409
    assert "newbie-1" not in str(list(Conversation.objects.values()))

    held = privacy.export("newbie-1")
    assert held
    assert held["held"]["promotions.question"][0]["text"] == "get me a human"
    assert privacy.export("newbie-2") is None
    privacy.erase("newbie-1", by="olga", at=NOW)
    assert not Conversation.objects.exists()
    assert not HandOver.objects.exists()


def test_it_stays_theirs_once_they_are_known(
    cast: dict[str, Customer], api: APIClient
) -> None:
    ask(api, "get me a human", customer="newbie-1")
    row = Customer.objects.create(external_id="newbie-1")

    assert ask(api, "hello", customer="newbie-1").status_code == 200
    assert {one.customer for one in Question.objects.all()} == {row.key}
    assert {one.customer for one in HandOver.objects.all()} == {row.key}
    assert read(api, "newbie-1").status_code == 200
    assert read(api, "ana").status_code == 404


def test_questions_stay_in_order_while_a_clock_stands_still(
    cast: dict[str, Customer], api: APIClient
) -> None:
    texts = [f"hello, number {n}" for n in range(8)]
    for text in texts:
        ask(api, text, customer="ana")

    assert [one["text"] for one in read(api, "ana").json()["questions"]] == texts


def test_a_text_is_found_at_once_while_a_clock_stands_still(
    cast: dict[str, Customer], api: APIClient
) -> None:
    for days in (60, 90):
        body = f"Within {days} days."
        row = help_texts.write("returns", "en", by="sue", at=NOW, body=body)
        help_texts.publish(row.pk, by="sue", at=NOW)
        assert body in ask(api, "how do I return something").json()["answer"]


def test_browsers_of_other_sites_may_search(client: Client) -> None:
    asked = {"origin": "https://shop.example"}
    for path in ("search", "questions", f"conversations/{TALK}"):
        answer = client.options(f"/api/v1/{path}", headers=asked)
        assert answer["Access-Control-Allow-Origin"] == "https://shop.example"


def test_a_closed_question_is_said_to_be_closed(
    cast: dict[str, Customer], api: APIClient
) -> None:
    told = ask(api, "get me a human", customer="ana").json()
    conversations.close(UUID(told["id"]), by="sue", at=NOW)

    person = read(api, "ana").json()["questions"][-1]["person"]
    assert not person["waiting"]
    assert "closed this question" in person["answer"]
