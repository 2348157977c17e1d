"""What the service assistant and the people behind it did; texts are not in the log."""

from typing import Literal
from uuid import UUID

from analytics.shapes import Count, Event, Text


class QuestionAsked(Event, frozen=True, kw_only=True):
    """A customer, or somebody without a name, asked something of so many letters."""

    question: UUID
    conversation: UUID
    language: Text
    length: Count


class QuestionAnswered(Event, frozen=True, kw_only=True):
    """A question was answered, or declined; `by` an agent, if not by the assistant.

    `kinds` are what it was taken for, `sources` what the answer rests on.
    """

    question: UUID
    kinds: tuple[Text, ...] = ()
    outcome: Literal["answered", "declined"] = "answered"
    by: Text | None = None
    sources: tuple[Text, ...] = ()
    rephrased: bool = False


class HandedOver(Event, frozen=True, kw_only=True):
    """A question waits for a person."""

    question: UUID
    reason: Text


class HelpTextPublished(Event, frozen=True, kw_only=True):
    """A version of a help text is what customers read from now on; null: none is."""

    slug: Text
    language: Text
    version: Count | None
    by: Text
