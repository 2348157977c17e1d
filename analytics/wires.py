"""The wires by name: what reads an event that was sent in this way or that."""

from functools import cache, partial

from django.conf import settings

from analytics import native, segment
from analytics.ingestion import Read


@cache
def reader(call: str) -> Read:
    """Return the reader of a call: empty for our own wire, else the Segment family's.

    `batch` is a message that says its type itself.
    """
    if not call:
        return partial(native.read, traits=settings.TRAITS)
    return _segment("" if call == "batch" else call)


@cache
def batch_reader() -> segment.Reader:
    """Return the reader of the Segment family's batches."""
    return _segment("")


def _segment(call: str) -> segment.Reader:
    return segment.Reader(
        call=call,
        currency=settings.CURRENCY,
        traits=settings.TRAITS,
        consent=settings.CONSENT_CATEGORY,
    )
