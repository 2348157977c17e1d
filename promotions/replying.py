"""What all replies of the assistant are made of: facts, sentences, sources.

Sentences are templates in the language of the conversation, filled from facts that the
API's own functions return; nothing is made up. Money and moments are written as people
of that language read them, in the shop's currency and zone (SHOP_ZONE).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext

from analytics import clock
from analytics.wording import Wording
from catalog import pricing
from promotions import carts, guessing, rule_reading, rules, term_words
from promotions.codes import Entered
from promotions.extracts import Named
from promotions.models import HandOver
from promotions.shopping import Cart, Shopper

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥"}
PRICED = re.compile(r"%\((\w+)\)s %\(currency\)s")
MOST = 5
"""Offers, promotions or orders that a reply names."""
Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a reply rests on: its kind, id, version, and where it can be read."""

    kind: str
    id: str
    version: int | None = None
    link: str = ""

    def told(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {
            "kind": self.kind,
            "id": self.id,
            "version": self.version,
            "link": self.link,
        }


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to one question: sentences, the facts in them, their sources.

    `hand_over`: why a person is to answer instead, or as well. `about`: strategies
    that a further question may be about.
    """

    kind: str
    lines: Sequence[str]
    facts: Facts = field(default_factory=dict)
    sources: Sequence[Source] = ()
    about: Sequence[str] = ()
    declined: bool = False
    hand_over: HandOver.Reason | None = None

    @property
    def text(self) -> str:
        """The sentences, a line each."""
        return "\n".join(self.lines)

    def told(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {
            "kind": self.kind,
            "text": self.text,
            "facts": self.facts,
            "sources": [one.told() for one in self.sources],
        }


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks, when, with which cart; what is named, and was spoken of before.

    `customer` is the shop's id of one who is signed in. `maybe` are words that could be
    codes, and are spoken of only if they are.
    """

    at: datetime
    customer: str | None = None
    shopper: Shopper = field(default_factory=Shopper)
    cart: Cart | None = None
    named: Named = field(default_factory=Named)
    text: str = ""
    about: Sequence[str] = ()
    codes: Sequence[str] = ()
    maybe: Sequence[str] = ()
    guesser: guessing.Asker | None = None

    @property
    def currency(self) -> str:
        """The cart's, or the shop's."""
        return self.cart.currency if self.cart else settings.CURRENCY

    @property
    def wait(self) -> int:
        """For how many seconds no code is looked up: too many were wrong."""
        return guessing.pause(self.guesser, at=clock.wall()) if self.guesser else 0

    def enter(self, texts: Sequence[str]) -> list[Entered]:
        """Look codes up as the checkout does: whoever guesses is counted, and waits."""
        if not texts or self.wait:
            return []
        cart = Cart(items=(), currency=self.currency, codes=list(texts[:MOST]))
        # MOST codes at a time, so that one question is no list of guesses.
        found = carts.enter(cart, self.shopper, at=self.at)
        if self.guesser:
            wrong = [one.text for one in found if one.refused]
            guessing.note(self.guesser, wrong, at=clock.wall())
        return found


def asking(
    at: datetime, customer: str | None, cart: Cart | None, **more: Any
) -> Asking:
    """Look up who asks."""
    shopper = carts.who(customer)
    return Asking(at=at, customer=customer, shopper=shopper, cart=cart, **more)


def money(amount: Decimal | str, currency: str) -> str:
    """Write an amount, as "$12.00"."""
    value = pricing.rounded(Decimal(amount), currency)
    minus, sign = "−" if value < 0 else "", SIGNS.get(currency)
    figures = f"{abs(value):,}"
    return f"{minus}{sign}{figures}" if sign else f"{minus}{figures} {currency}"


def plain(amount: Decimal, currency: str) -> str:
    """Write an amount for programs, with the currency's decimals."""
    return str(pricing.rounded(amount, currency))


def day(at: datetime) -> str:
    """Write a day of the shop's zone."""
    local = at.astimezone(zone())
    # Translators: how a day is written, in Django's letters for dates.
    return date_format(local, pgettext("format of a day", "j F Y"))


def end(at: datetime) -> str:
    """Write when something ends; a day's last moment by that day."""
    local = at.astimezone(zone())
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        # Half-open: midnight is the end of the day before.
        return gettext("the end of %(day)s") % {"day": day(at - timedelta(seconds=1))}
    told = {"day": day(at), "time": f"{local:%H:%M}", "zone": local.tzname() or ""}
    return gettext("%(day)s at %(time)s %(zone)s") % told


def zone() -> ZoneInfo:
    """Return the shop's time zone."""
    return ZoneInfo(settings.SHOP_ZONE)


def spoken(text: Any) -> Any:
    """Translate a wording as `said` does, but write its amounts as money: "$5.00"."""
    # Plain text, and what other systems wrote, stays as it is.
    if not isinstance(text, Wording) or not text.pattern:
        return text
    pattern = gettext(text.pattern)
    values = {name: spoken(value) for name, value in text.values.items()}
    for name in PRICED.findall(pattern):
        amount = str(text.values[name]).replace(",", "")  # operators read "3,000"
        values[name] = money(amount, text.values["currency"])
    return PRICED.sub(r"%(\1)s", pattern) % values if values else pattern


def title(terms: Mapping[str, Any] | rules.Terms, currency: str) -> str:
    """Say what terms give, in the language of the conversation."""
    if isinstance(terms, Mapping):
        # A sheet has terms as JSON: they are read as a menu of one.
        (terms,) = rule_reading.decoded_menu({"offer": dict(terms)}).values()
    return str(spoken(term_words.words(terms, currency)))


def scope(categories: Sequence[str]) -> str:
    """Say which goods are meant."""
    if not categories:
        return gettext("everything")
    listed = ", ".join(categories[:MOST])
    more = len(categories) - MOST
    return listed if more <= 0 else gettext("%(listed)s and more") % {"listed": listed}


def bullet(text: str) -> str:
    """Write a line of a list."""
    return f"• {text}"


def sign_in(kind: str) -> Reply:
    """Ask who is nobody to sign in: the reply is about what is theirs."""
    text = gettext("Please sign in first: then I can look at what is yours.")
    return Reply(kind=kind, lines=[text], facts={"needs": "customer"})
