"""Every text has its Chinese, with its placeholders and markup."""

import json
import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message
from django.utils import translation

from analytics import wording
from analytics.languages import said
from config import messages
from promotions import guards
from tests.config.chinese import english_afterwards

__all__ = ["english_afterwards"]

HOLES = re.compile(r"%\(\w+\)[-+.0-9]*[a-z]|%[-+.0-9]*[sdf]|%%|\{\w*\}|<[^>]*>")


@pytest.fixture(scope="module")
def kept() -> list[Message]:
    return [message for message in messages.read() if message.id]


def pairs(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each text with each of its translations; a plural has one in Chinese."""
    if isinstance(message.id, str):
        yield message.id, str(message.string)
    else:
        yield from ((message.id[1], text) for text in message.string or ())


def test_every_message_is_translated_and_none_is_a_guess(kept: list[Message]) -> None:
    assert len(kept) > 1000
    assert not [one.id for one in kept if one.fuzzy]
    assert not [one.id for one in kept if not all(text for _, text in pairs(one))]


def test_every_translation_keeps_placeholders_and_markup(kept: list[Message]) -> None:
    for one in kept:
        for text, translated in pairs(one):
            assert sorted(HOLES.findall(text)) == sorted(HOLES.findall(translated))


def test_translations_end_and_punctuate_as_chinese_does(kept: list[Message]) -> None:
    for one in kept:
        for _, translated in pairs(one):
            assert not re.search(r"[\u4e00-\u9fff][,;:?!]", translated), translated


def test_no_message_is_missing_or_left_over() -> None:
    """Whoever changes a text runs `make messages`, and translates it."""
    assert messages.PO.read_bytes() == messages.written(
        messages.updated(messages.read())
    )


def test_the_server_reads_what_people_wrote() -> None:
    compiled = messages.PO.with_suffix(".mo").read_bytes()

    assert compiled == messages.compiled(messages.read())


def test_a_stored_guard_is_said_in_both_languages() -> None:
    (kept,) = guards.stored([guards.reached(1200)])
    detail = wording.revived(json.loads(json.dumps(kept["said"])))

    assert kept["detail"] == detail == "1,200 customers would get an offer"
    with translation.override("zh-hans"):
        assert said(detail) == "将有 1,200 位客户获得优惠"
