"""Replies on offers: which there are, and until when; and what a question means."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from promotions import automatic, book, offers, rules
from promotions.codes import Entered
from promotions.models import Strategy
from promotions.replying import (
    MOST,
    Asking,
    Reply,
    Source,
    bullet,
    end,
    scope,
    spoken,
    title,
)

SHIPPING = (
    "shipping",
    "deliver",
    "postage",
    "包邮",
    "免邮",
    "运费",
    "免运",
    "邮费",
    "配送费",
)
GIFT = ("gift", "free mug", "present", "赠品", "礼物", "送的")


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A promotion that somebody may have: a personal offer, a code, or everybody's."""

    strategy: Strategy
    title: str
    ends_at: datetime
    source: Source
    code: str = ""
    about: str = ""

    @property
    def key(self) -> str:
        return str(self.strategy.pk)

    @property
    def rule(self) -> rules.Rule:
        return book.decoded(self.strategy).rule

    def fact(self) -> dict[str, Any]:
        """Return it as facts."""
        return {
            "title": self.title,
            "about": self.about,
            "ends_at": self.ends_at.isoformat(),
            **({"code": self.code} if self.code else {}),
        }

    def line(self) -> str:
        """Say it with its end."""
        told = {"title": self.title, "about": self.about, "end": end(self.ends_at)}
        if self.code:
            told |= {"code": self.code}
            return gettext("code %(code)s: %(title)s (%(about)s), until %(end)s") % told
        return gettext("%(title)s (%(about)s), until %(end)s") % told


def mine(ask: Asking) -> list[Thing]:
    """Return the customer's own offers, as GET offers shows them."""
    if ask.customer is None:
        return []
    # What the API answers, not the rows: what it
    # hides by words or budgets is hidden here.
    sheet = offers.sheet(ask.customer, currency=ask.currency, at=ask.at)
    found = json.loads(sheet)["offers"]
    rows = _strategies(one["strategy"] for one in found)
    link = f"/api/v1/customers/{ask.customer}/offers"
    return [
        Thing(
            strategy=rows[one["strategy"]],
            title=title(one["terms"], one["currency"]),
            about=scope(one["scope"]),
            ends_at=min(
                datetime.fromisoformat(one["expires_at"]),
                rows[one["strategy"]].campaign.ends_at,
            ),
            source=Source(kind="offer", id=one["id"], link=link),
        )
        for one in found
        if one["strategy"] in rows
    ]


def everybodys(ask: Asking) -> list[Thing]:
    """Return what applies by itself to anybody, as GET promotions lists it."""
    rows = automatic.live(at=ask.at).filter(currency=ask.currency)
    # More than are named: some are looked for by kind or category (`meant`).
    return [_everybodys(row) for row in rows.order_by("-proposed_at", "id")[: 4 * MOST]]


def _everybodys(row: Strategy) -> Thing:
    told = automatic.told(row)
    conditions = " ".join(str(spoken(one)) for one in told["conditions"])
    about = str(spoken(told["about"]))
    return Thing(
        strategy=row,
        title=str(spoken(told["title"])),
        about=f"{about} {conditions}".rstrip(" .。"),  # it stands in brackets
        ends_at=row.campaign.ends_at,
        source=Source(
            kind="promotion",
            id=told["id"],
            version=row.version,
            link="/api/v1/promotions",
        ),
    )


def by_codes(ask: Asking, texts: Sequence[str]) -> list[Thing]:
    """Return what usable codes stand for."""
    return entered(ask.enter(texts))


def entered(some: Iterable[Entered]) -> list[Thing]:
    """Return what codes stand for that were looked up, and can be used."""
    found = {str(one.code.strategy): one.code for one in some if one.code}
    rows = _strategies(found)
    return [
        Thing(
            strategy=rows[key],
            title=title(next(iter(rows[key].menu.values())), rows[key].currency),
            about=scope(rows[key].scope),
            ends_at=min(filter(None, (code.expires_at, code.ends_at))),
            code=code.text,
            source=Source(kind="code", id=str(code.id), version=rows[key].version),
        )
        for key, code in found.items()
        if key in rows
    ]


def _strategies(ids: Iterable[str]) -> Mapping[str, Strategy]:
    keys = [UUID(one) for one in ids]
    rows = Strategy.objects.select_related("campaign").filter(pk__in=keys)
    return {str(row.pk): row for row in rows} if keys else {}


def reply_offers(ask: Asking) -> Reply:
    """Say what offers somebody has, and what everybody has."""
    own, shared = mine(ask)[:MOST], everybodys(ask)[:MOST]
    lines = list(_listed(ask, own, shared))
    return Reply(
        kind="offers",
        lines=lines,
        facts={
            "offers": [one.fact() for one in own],
            "promotions": [one.fact() for one in shared],
        },
        sources=[one.source for one in [*own, *shared]],
        about=[one.key for one in own or shared],
    )


def _listed(
    ask: Asking, own: Sequence[Thing], shared: Sequence[Thing]
) -> Iterator[str]:
    if own:
        yield gettext("These offers are yours:")
        yield from (bullet(one.line()) for one in own)
    elif ask.customer is None:
        yield gettext("Sign in to see whether there are offers that are yours alone.")
    else:
        yield gettext(
            "You have no personal offer at the moment. Not everybody gets every offer."
        )
    if shared:
        yield gettext("For everybody:")
        yield from (bullet(one.line()) for one in shared)
    elif not own:
        yield gettext("There is no promotion for everybody at the moment either.")


def meant(ask: Asking) -> list[Thing]:
    """Return what a question is about: codes named, what was spoken of, or all."""
    if ask.named.codes:
        return by_codes(ask, ask.named.codes)
    every = [*mine(ask), *everybodys(ask)]
    for words, kind in ((SHIPPING, "shipping"), (GIFT, "gift")):
        if mentions(ask.text, words):
            return [one for one in every if one.strategy.kind == kind]
    # Before what was spoken of: a new subject ends the old one.
    if named := [one for one in every if _names(ask.text, one)]:
        return named
    coded = by_codes(ask, ask.codes)
    spoken = [one for one in [*every, *coded] if one.key in ask.about]
    return spoken or coded or every


def mentions(text: str, words: Collection[str]) -> bool:
    """Whether a text has one of these words."""
    low = text.lower()
    return any(word in low for word in words)


def _names(text: str, thing: Thing) -> bool:
    """Whether a text says the category that a promotion is about."""
    low = f" {text.lower()} "
    # Names of two letters are in too many words.
    names = [name.lower() for name in thing.strategy.scope]
    return any(
        name in low or name.rstrip("s") in low for name in names if len(name) > 2
    )


def reply_ends(ask: Asking) -> Reply:
    """Say until when what is meant can be used."""
    found = meant(ask)[:MOST]
    if not found:
        if ask.named.codes:  # why it cannot be used says more than that it has no end
            return Reply(kind="ends", lines=[], facts={"needs": "code"})
        text = gettext("No offer or promotion of that kind is running for you now.")
        return Reply(kind="ends", lines=[text], facts={"ends": []})
    return Reply(
        kind="ends",
        lines=[gettext("It can be used until:"), *(bullet(one.line()) for one in found)]
        if len(found) > 1
        else [_until(found[0])],
        facts={"ends": [one.fact() for one in found]},
        sources=[one.source for one in found],
        about=[one.key for one in found],
    )


def _until(one: Thing) -> str:
    told = {"title": one.title, "about": one.about, "end": end(one.ends_at)}
    if one.code:
        told |= {"code": one.code}
        text = gettext("Code %(code)s (%(title)s) can be used until %(end)s.")
        return text % told
    return gettext("“%(title)s” (%(about)s) can be used until %(end)s.") % told
