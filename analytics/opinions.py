"""What is said of the shop and its goods: who wrote what stays out of the log.

Texts are mutable rows with an end (catalog.reviews); events name them by the shop's id
and tell numbers alone, so that what was said can be counted after the text is gone.
"""

from datetime import date
from typing import Annotated

import msgspec

from analytics.shapes import Count, Event, Label, Rate, Text

Stars = Annotated[float, msgspec.Meta(ge=1, le=5)]


class ReviewWritten(Event, frozen=True, kw_only=True):
    """A text came in, or was changed; `size` is its length in characters."""

    review: Text
    source: Text
    sku: Label = ""
    brand: Label = ""
    category: Label = ""
    campaign: Label = ""
    topic: Label = ""
    rating: Stars | None = None
    size: Count
    changed: bool = False


class ReviewModerated(Event, frozen=True, kw_only=True):
    """A text is shown to the public from now on, or hidden, or waits again."""

    review: Text
    state: Text
    by: str = ""


class ReviewJudged(Event, frozen=True, kw_only=True):
    """What a model read from a text: chances of the three tones, and aspects' tones.

    `aspects` are from -1 (bad) to 1 (good). Complete on its own: what the text was
    about at that moment is said here too.
    """

    review: Text
    source: Text
    sku: Label = ""
    brand: Label = ""
    category: Label = ""
    campaign: Label = ""
    topic: Label = ""
    written_on: date
    negative: Rate
    neutral: Rate
    positive: Rate
    aspects: dict[str, float] = {}
    model: Text


class OpinionTurned(Event, frozen=True, kw_only=True):
    """More is said against something than was usual, or no longer.

    `level` is product, brand, category or campaign. Of `texts` since `since`,
    `negative` are; `expected` were to be expected of so many.
    """

    level: Text
    key: Text
    worse: bool
    day: date
    since: date
    texts: Count
    negative: Count
    expected: float
