"""The assistant answers from facts alone, or hands over; it never tells on others."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from demo.bench import questions, service_cast
from ml import sentences
from promotions import (
    assistant,
    coaching,
    condition_words,
    extracts,
    guessing,
    lessons,
    replying,
    rule_reading,
    spelt,
    understanding,
)
from promotions.models import Code, Conversation, Example, HelpText
from promotions.spelling import digest
from tests.conftest import NOW

FILE = Path(__file__).parent / "questions.jsonl"


@pytest.fixture
def cast(db: None) -> None:
    service_cast.make()


def test_questions_as_customers_write_them(cast: None) -> None:
    found = [questions.judge(one) for one in questions.read(FILE)]
    score = questions.score(found)

    assert score.questions >= 140
    assert not [one.id for one in found if one.verdict in ("false", "leak")]
    assert score.good >= 0.95
    assert score.useful >= 0.8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I am Corwin, show my orders", True),
        ("does Corwin have offers", True),
        ("I am disappointed with the quality of the tea", False),
        ("I am pregnant, is the tea safe", False),
        ("i am furious", False),
        ("does Walmart have better prices", False),
    ],
)
def test_who_says_how_they_feel_is_nobody_else(text: str, said: bool) -> None:
    words = ["have", "show", "better"]
    assert ("another customer" in extracts.disguised(text, words)) is said


def test_vectors_are_shipped_for_every_example_of_ours() -> None:
    kept = lessons._shipped()
    texts = [spelt.plain(text) for text, _ in lessons.built_in()]

    assert set(texts) == set(kept), "run manage.py encode_examples"
    new = sentences.encode(texts[::500])
    for text, row in zip(texts[::500], new, strict=True):
        assert float(kept[text] @ row) > 0.999


def test_while_a_process_learns_others_are_answered_by_what_it_knew(
    cast: None,
) -> None:
    before = lessons.knowledge()
    Example.objects.create(
        language="en", text="what gives", kind="offers", said_by="sue", said_at=NOW
    )

    with lessons._lock:
        assert lessons.knowledge() is before
    assert lessons.knowledge() is not before


@pytest.mark.parametrize("slugs", [(), ("damaged",), ("delivery-cost", "tracking")])
def test_what_no_text_tells_of_is_answered_by_no_other(
    cast: None, slugs: tuple[str, ...]
) -> None:
    HelpText.objects.exclude(slug__in=slugs).filter(state="published").update(
        state="retired"
    )

    for text in ("can I get an invoice", "are you open on sunday", "delete my data"):
        found = understanding.understand(text, "en")
        assert not [one.text for one in found.wanted if one.text], text


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("how long is it good for", True),
        ("ok and is that all", True),
        ("还有别的优惠吗", True),
        ("能不能一起用", True),
        ("my nan loves the tea", False),
        ("我下了单", False),
    ],
)
def test_what_asks_is_told_from_what_tells(text: str, asks: bool) -> None:
    assert extracts.asks(text) is asks


def test_amounts_of_thousands_are_told_as_money() -> None:
    conditions = rule_reading.decoded_rule(
        {"conditions": {"least_amount": "3000"}}
    ).conditions
    (told,) = condition_words.conditions(conditions, "USD", "UTC")

    assert "3,000 USD" in told
    assert "$3,000.00" in replying.spoken(told)


def test_what_may_be_a_code_in_two_words_is_found_in_order() -> None:
    found = extracts.split("is coffee 15 dead, or coffee-old?")

    assert found["coffee15"] == "coffee 15"
    assert found["coffeeold"] == "coffee-old"

    tried = " ".join(f"what now staff {number}" for number in range(10, 50))
    assert [*extracts.split(tried)] == [f"staff{number}" for number in range(10, 15)]


def test_a_code_that_was_stopped_or_asked_by_who_must_wait_is_not_joined(
    cast: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = replying.asking(service_cast.NOW, None, None)
    assert assistant.joined("is coffee 15 ok", ask) == "is COFFEE15 ok"
    Code.objects.create(
        digest=digest("STOPPED77"),
        text="STOPPED77",
        strategy=Code.objects.get(text="COFFEE15").strategy,
        active=False,
    )
    assert assistant.joined("is stopped 77 ok", ask) == "is stopped 77 ok"

    waits = replace(ask, guesser=guessing.Asker(key="", names=()))
    monkeypatch.setattr(guessing, "pause", lambda who, *, at: 9)
    assert assistant.joined("is coffee 15 ok", waits) == "is coffee 15 ok"


def test_an_agent_is_told_of_a_code_in_two_words_too(cast: None) -> None:
    asked = assistant.Asked(conversation=uuid4(), text="is coffee 15 still good?")
    row = assistant.answer(asked, at=service_cast.NOW)

    offered = coaching.suggested(row, at=service_cast.NOW)

    assert "COFFEE15" in offered.replies[0].text
    assert "COFFEE15" in coaching.facts(row, "code", at=service_cast.NOW).text


def test_a_process_prepares_itself_where_somebody_has_asked(
    cast: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "_kept", {})

    lessons.warm()
    assert not lessons._kept

    Conversation.objects.create(id=uuid4(), began_at=NOW, last_at=NOW)
    lessons.warm()
    assert lessons._kept["knowledge"].texts["en"]["returns"].title


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_shop_without_help_texts_hands_such_questions_over(language: str) -> None:
    text = {"en": "how do I return something", "zh-hans": "怎么退货"}[language]

    found = understanding.understand(text, language)

    assert {one.kind for one in found.wanted} <= {"help"}
    assert all(one.text is None for one in found.wanted)


@pytest.mark.parametrize(
    ("text", "says"), [("", False), ("...?!", False), ("=", False), ("👍", True)]
)
def test_a_text_of_signs_alone_says_nothing(text: str, says: bool) -> None:
    assert extracts.says(text) is says
    assert says or not understanding.understand(text, "en").wanted


def test_kinds_are_those_that_are_named() -> None:
    texts = dict(lessons.built_in())

    assert set(lessons.KINDS) == {*assistant.FACTS, *assistant.SAYS, lessons.HELP}
    assert any(text.startswith("[") for text in texts)  # an example is no section
    assert any(text.startswith("#") for text in texts)
