"""A rule's English words in the language of who looks."""

from typing import Any

from django.utils.translation import gettext

from analytics.wording import Wording


def said(text: Any) -> Any:
    """Translate a wording, and the wordings in it; whatever else stays as it is."""
    if not isinstance(text, Wording) or not text.pattern:
        return text
    pattern = gettext(text.pattern)
    if not text.values:
        return pattern
    return pattern % {name: said(value) for name, value in text.values.items()}
