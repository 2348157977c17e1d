"""Public holidays of the shop's country, by the package `holidays`; nothing is fetched.

The package loads a country's module when it is first asked: 0.2 s for the first, so
nothing imports it before.
"""

from datetime import date, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation

LANGUAGES = {"en": "en_US", "zh-hans": "zh_CN"}


def between(first: date, last: date) -> dict[date, str]:
    """Return the holidays of [first, last), named in the reader's language if it can.

    :raises ImproperlyConfigured: HOLIDAYS_OF names no country that is known.
    """
    import holidays

    country, _, region = settings.HOLIDAYS_OF.partition("-")
    years = range(first.year, last.year + 1)
    language = LANGUAGES.get(translation.get_language() or "en")
    try:
        known = holidays.country_holidays(
            country, subdiv=region or None, years=years, language=language
        )
    except NotImplementedError as error:
        raise ImproperlyConfigured(f"HOLIDAYS_OF: {error}") from error
    days = (first + timedelta(days=n) for n in range((last - first).days))
    return {day: known[day] for day in days if day in known}
