"""Public holidays of the shop's country, by the package `holidays`; nothing is fetched.

The package loads a country's module when it is first asked: 0.2 s for the first, so
nothing imports it before.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation

ENGLISH = "en_US"
"""What is read where the reader's own language is not there."""
LANGUAGES = {"en": "en_US", "zh-hans": "zh_CN"}


@dataclass(frozen=True, kw_only=True)
class Holidays:
    """Days with their names, and the language that these are in ("en", "zh")."""

    days: dict[date, str]
    language: str


def between(first: date, last: date, *, of: str = "") -> Holidays:
    """Return the holidays of [first, last), named in the reader's language if it can.

    `of` is a country or a part of one, HOLIDAYS_OF if empty.

    :raises ImproperlyConfigured: it is none that is known.
    """
    import holidays

    country, _, region = (of or settings.HOLIDAYS_OF).partition("-")
    years = range(first.year, last.year + 1)
    language = LANGUAGES.get(translation.get_language() or "en")
    try:
        asked = partial(
            holidays.country_holidays, country, subdiv=region or None, years=years
        )
        known = asked(language=language)
        if language not in known.supported_languages and ENGLISH in (
            known.supported_languages
        ):
            language, known = ENGLISH, asked(language=ENGLISH)
    except NotImplementedError as error:
        raise ImproperlyConfigured(f"HOLIDAYS_OF: {error}") from error
    days = (first + timedelta(days=n) for n in range((last - first).days))
    named = language if language in known.supported_languages else None
    return Holidays(
        days={day: known[day] for day in days if day in known},
        language=(named or known.default_language or "en").partition("_")[0],
    )
