"""Agents answer who waits, with facts at hand; what they say is learnt from."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from analytics import privacy
from demo.bench import service_cast
from demo.bench.service_cast import NOW
from promotions import assistant, coaching, help_texts
from promotions.models import Example, HandOver, HelpText, Question
from tests.conftest import role


@pytest.fixture
def cast(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.clock.now", lambda: NOW)
    service_cast.make()


@pytest.fixture
def desk(client: Client, cast: None) -> Client:
    sue = User.objects.create_user("sue", password="secret", is_staff=True)
    sue.groups.add(role("Support"))
    client.force_login(sue)
    return client


def asked(text: str, customer: str | None = "ana") -> Question:
    question = assistant.Asked(conversation=uuid4(), text=text, customer=customer)
    return assistant.answer(question, at=NOW)


def shown(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    html = answer.content.decode()
    plain = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", unescape(plain))


def do(client: Client, row: Question, **sent: str) -> None:
    assert client.post(reverse("question", args=[row.pk]), sent).status_code == 302


def test_who_waits_is_found_and_answered(desk: Client) -> None:
    row = asked("my parcel smells of fish and the driver was rude to my aunt, what now")
    assert row.outcome == "handed_over"
    assert "smells of fish" in shown(desk, "question-queue")
    page = shown(desk, "question", row.pk)
    assert "Somebody without a name" not in page
    assert "Facts at a click" in page

    do(desk, row, do="send", answer="I am sorry. We send it anew.")
    handed = HandOver.objects.get()
    assert (handed.state, handed.answered_by) == ("answered", "sue")
    assert "smells of fish" not in shown(desk, "question-queue")
    do(desk, row, do="send", answer="Twice.")
    handed.refresh_from_db()
    assert handed.answer == "I am sorry. We send it anew."


def test_what_is_likeliest_is_suggested_first(cast: None) -> None:
    row = asked("what offers do I have and where is my refund")
    ask = coaching.asker(row, at=NOW)

    likely = assistant.read(row.text, ask, row.language).likely
    told = coaching.suggested(row, at=NOW).replies

    kinds = dict.fromkeys(one.kind for one in likely)
    facts = [kind for kind in kinds if kind in assistant.FACTS]
    assert len(facts) > 1
    assert [one.kind for one in told] == facts[:2]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("offers", "10 % off (TEA), until the end of 14 December 2026"),
        ("used", "Order a-1002"),
        ("refund", "$6.80"),
        ("code", "Code COFFEEOLD has expired"),
    ],
)
def test_facts_are_a_click_away_and_the_asker_s_own(
    desk: Client, kind: str, text: str
) -> None:
    row = asked("get me a human, it is about COFFEEOLD")
    page = shown(desk, "question", row.pk, query=f"?facts={kind}")

    assert text in page
    for secret in ("HONEY", "33.30", "DORA25"):
        assert secret not in page


def test_a_right_kind_is_learnt(desk: Client) -> None:
    """Slang that nobody could know is understood once an agent has said it."""
    slang = "flubber me the zorp goodies"
    row = asked(slang)
    assert row.outcome == "handed_over"

    do(desk, row, do="wrong", meant="kind:offers", words=slang)
    again = asked(slang, customer="ben")
    assert (again.outcome, again.kinds) == ("answered", ["offers"])
    assert "$5.00 off" in again.answer


def test_a_right_help_text_is_found_from_then_on(desk: Client) -> None:
    text = "frobnicate my wibble zzyzx"
    row = asked(text)
    assert "help_text" not in str(row.answers)

    do(desk, row, do="wrong", meant="text:freshness", words=text)
    again = asked(text)
    assert again.answers[0]["facts"] == {"help": "freshness"}
    row.refresh_from_db()
    assert row.verdict == "wrong"


def test_an_example_goes_with_its_customer(desk: Client) -> None:
    row = asked("flubber me the zorp goodies")
    do(desk, row, do="wrong", meant="kind:offers", words="")
    assert Example.objects.count() == 1

    privacy.erase("ana", by="olga", at=NOW)
    assert not Example.objects.exists()


def test_what_is_right_is_kept_and_nonsense_refused(desk: Client) -> None:
    row = asked("what offers do I have")
    do(desk, row, do="right")
    row.refresh_from_db()
    assert row.verdict == "right"
    do(desk, row, do="wrong", meant="kind:riches")
    do(desk, row, do="wrong", meant="text:aurora")
    assert not Example.objects.exists()


@pytest.mark.parametrize("name", ["Analysts", "Operators"])
def test_others_may_not_answer(client: Client, cast: None, name: str) -> None:
    row = asked("get me a human")
    user = User.objects.create_user("tom", password="secret", is_staff=True)
    user.groups.add(role(name))
    client.force_login(user)
    sent = {"do": "send", "answer": "No."}

    assert client.post(reverse("question", args=[row.pk]), sent).status_code == 403
    assert HandOver.objects.get().state == "waiting"


def test_a_change_of_a_text_is_a_draft_until_it_is_published(desk: Client) -> None:
    old = HelpText.objects.get(slug="returns", language="en")
    fields = {
        "title": "Returns",
        "body": "Within 60 days.",
        "asked": "how do I return something\nb",
        "link": "",
    }
    path = reverse("admin:promotions_helptext_change", args=[old.pk])
    assert desk.post(path, fields).status_code == 302

    new = HelpText.objects.get(slug="returns", language="en", version=2)
    asks = ["how do I return something", "b"]
    assert (new.state, new.asked, new.edited_by) == ("draft", asks, "sue")
    old.refresh_from_db()
    assert (old.state, "60 days" in old.body) == ("published", False)
    assert "60 days" not in asked("how do I return something").answer

    action = {"action": "publish", "_selected_action": [new.pk]}
    desk.post(reverse("admin:promotions_helptext_changelist"), action)
    assert "60 days" in asked("how do I return something").answer
    old.refresh_from_db()
    assert old.state == "retired"
    help_texts.retire(new.pk, by="sue", at=NOW)
    assert "60 days" not in asked("how do I return something").answer


def test_wrong_after_right_is_wrong(desk: Client) -> None:
    row = asked("what offers do I have")
    do(desk, row, do="right")
    do(desk, row, do="wrong", meant="")
    row.refresh_from_db()
    assert row.verdict == "wrong"


def test_a_letter_that_no_text_holds_is_refused_by_its_field(desk: Client) -> None:
    row = asked("get me a human")
    do(desk, row, do="send", answer="a\0b")
    assert "What the customer reads: no text holds such a letter" in shown(
        desk, "question", row.pk
    )
    do(desk, row, do="wrong", meant="kind:offers", words="a\0b")
    do(desk, row, do="wrong", meant="text:a\0b")
    assert HandOver.objects.get().state == "waiting"
    assert not Example.objects.exists()


def test_another_version_s_page_does_not_write_over_a_draft(desk: Client) -> None:
    old = HelpText.objects.get(slug="returns", language="en")
    help_texts.write("returns", "en", by="sam", at=NOW, body="Sam's own.")
    fields = {"title": "Returns", "body": "Mine.", "asked": "", "link": ""}
    path = reverse("admin:promotions_helptext_change", args=[old.pk])
    answer = desk.post(path, fields)

    assert "Version 2 is a draft already" in answer.content.decode()
    draft = HelpText.objects.get(slug="returns", language="en", state="draft")
    assert (draft.body, draft.edited_by) == ("Sam's own.", "sam")


@pytest.mark.django_db(transaction=True)
def test_two_first_drafts_at_once_are_one() -> None:
    def write(by: str) -> None:
        try:
            help_texts.write("new", "en", by=by, at=NOW, title="New", body=by)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, ["sue", "sam", "tom", "una"]))
    assert HelpText.objects.get(slug="new").version == 1
