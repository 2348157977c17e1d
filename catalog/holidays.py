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
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

ENGLISH = "en_US"
"""What is read where the reader's own language is not there."""
LANGUAGES = {"en": "en_US", "zh-hans": "zh_CN"}

NAMES = frozenset(
    (
        gettext_noop("New Year's Day"),
        gettext_noop("Martin Luther King Jr. Day"),
        gettext_noop("Washington's Birthday"),
        gettext_noop("Memorial Day"),
        gettext_noop("Juneteenth National Independence Day"),
        gettext_noop("Independence Day"),
        gettext_noop("Labor Day"),
        gettext_noop("Columbus Day"),
        gettext_noop("Veterans Day"),
        gettext_noop("Thanksgiving Day"),
        gettext_noop("Christmas Day"),
    )
)
"""What we translate: the package knows the United States in English and Thai alone."""
OBSERVED = " (observed)"


@dataclass(frozen=True)
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
    asked_for = (first + timedelta(days=n) for n in range((last - first).days))
    days = {day: known[day] for day in asked_for if day in known}
    named = language if language in known.supported_languages else None
    written = (named or known.default_language or "en").partition("_")[0]
    return _translated(days) if written == "en" else Holidays(days, written)


def _translated(days: dict[date, str]) -> Holidays:
    """Say English names in the reader's language, if all of them are NAMES."""
    reader = (translation.get_language() or "en").partition("-")[0]
    if reader == "en" or not {n.removesuffix(OBSERVED) for n in days.values()} <= NAMES:
        return Holidays(days, "en")
    return Holidays({day: _named(name) for day, name in days.items()}, reader)


def _named(name: str) -> str:
    said = _(name.removesuffix(OBSERVED))
    return _("%s (observed)") % said if name.endswith(OBSERVED) else said
