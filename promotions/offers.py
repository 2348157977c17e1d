"""A customer's offers as storefronts read them.

Targeting decides and renders (`render`); reading is one look-up. A customer whose sheet
is missing (an offer was just used, a strategy just ended or spent) gets it rendered
from the offers' rows. Nothing is written here: deciders call `forget`.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction

from analytics import identity, lookup
from ml import live, scores, wordings
from promotions import beliefs, carts, feedback, term_words, value
from promotions.models import Offer, Sheet

SHEET = (
    "SELECT coalesce(c.person, c.key), c.consent, "
    "CASE WHEN c.person IS NULL THEN s.body END, s.expires_at, "
    "EXISTS (SELECT FROM analytics_storedevent e WHERE e.customer = ANY("
    "ARRAY(SELECT key FROM analytics_customer WHERE person = s.customer)"
    " || s.customer) AND e.position > s.position AND e.type = ANY("
    "'{order_completed,order_cancelled,order_refunded,offer_feedback}')) "
    "FROM analytics_customer c "
    "LEFT JOIN promotions_sheet s ON s.customer = coalesce(c.person, c.key)"
)
"""The last column: has the person ordered, sent something back or said what they think
of an offer since the sheet's offers were ranked? The index (customer, position)
answers, 0.09 ms more than without (an IN with OR: 0.26 ms); nothing else changes what
is expected of a customer.
A sheet names the person's first id, so who asks by another one has it rendered anew.
"""

MOST_REASONS = 2
"""Besides the strategy's title."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A person whom offers may be personal for, and the sheet that there is, if any.

    `body`: None where it must be rendered anew for this id.
    """

    person: UUID
    body: str | None
    expires_at: datetime | None
    news: bool

    def lasts(self, at: datetime) -> bool:
        """Whether there is a sheet that has not ended, ranked or not."""
        return self.expires_at is not None and self.expires_at > at


def known(external_id: str) -> Known | None:
    """Look up whose an id is: one statement, for nearly everybody."""
    if "\0" in external_id:  # PostgreSQL holds no such text: nobody is called that
        return None
    # A shop's own id first: a visitor's may be the same text.
    row = lookup.row(f"{SHEET} WHERE c.external_id = %s", [external_id])
    if row is None:  # a visitor, who must not read what a customer is called
        row = lookup.row(
            SHEET.replace("s.body", "NULL") + " WHERE c.anonymous_id = %s",
            [external_id],
        )
    # Who refused to be known, or is silent where silence is a
    # no, gets no personal offer.
    if row is None or row[1] is False or (row[1] is None and settings.CONSENT_REQUIRED):
        return None
    person, _, body, expires_at, news = row
    return Known(person=person, body=body, expires_at=expires_at, news=news)


def sheet(external_id: str, *, currency: str, at: datetime) -> str:
    """Return the customer's offers as JSON; a stranger has none, and is no error.

    Nothing is decided here: see promotions.arrivals.
    """
    return read(external_id, known(external_id), currency=currency, at=at)


def read(external_id: str, of: Known | None, *, currency: str, at: datetime) -> str:
    """Return the sheet of somebody who was looked up, or render their offers."""
    if of is None:
        return render(external_id, [], at=None)
    if of.body is not None and of.lasts(at) and not of.news:
        return of.body
    mine = usable(of.person, currency=currency, at=at)
    # What was bought since the refresh moves the chances: the order may be another one.
    mine = expect_now(mine, of.person, at=at)
    shown = ranked(mine, identity.keys(of.person), at=at)
    return render(external_id, shown, at=at)


def usable(person: UUID, *, currency: str | None, at: datetime) -> list[Offer]:
    """Return the offers that a person may see now."""
    found = carts.usable(person, currency=currency, at=at)
    return [offer for offer in found if not offer.strategy.exhausted]


def ranked(mine: list[Offer], keys: Sequence[UUID], *, at: datetime) -> list[Offer]:
    """Return those of a person's offers that are shown, the most promising first."""
    return feedback.ranked(mine, feedback.of(keys, at=at))


WITHHELD = (
    "SELECT a.offer, a.strategy, s.scope FROM analytics_assignment a"
    " JOIN promotions_strategy s ON s.id = a.strategy"
    " JOIN promotions_campaign p ON p.id = s.campaign_id"
    " WHERE a.customer = ANY(%s) AND a.arm <> 'treatment' AND a.offer IS NOT NULL"
    " AND s.state = 'live' AND p.starts_at <= %s AND p.ends_at > %s"
    " AND EXISTS (SELECT FROM promotions_place l WHERE l.customer = ANY(%s)"
    " AND l.strategy_id = a.strategy AND l.until > %s) ORDER BY a.position"
)
"""For as long as the offer would have lasted: see `Place`."""


def withheld(
    external_id: str, *, shown: Collection[object], at: datetime
) -> list[dict[str, str]]:
    """Return what the customer's lots keep from them, for shops that measure it.

    A shop that reports these ids as shown, where it would have shown the offer, lets
    both arms be compared from the first exposure on (Johnson, Lewis & Nubbemeyer 2017,
    ghost ads). What they would not want, had they got it, is left out likewise; who
    wants one at a time, and is `shown` one, would have got no other.
    """
    key = identity.find(external_id) if "\0" not in external_id else None
    mine = identity.willing(key) if key else []
    rows = lookup.rows(WITHHELD, [mine, at, at, mine, at]) if mine else []
    said = feedback.of(mine, at=at)
    kept = [(id_, one) for id_, one, scope in rows if not said.refuses(one, scope)]
    if said.one_at_a_time:
        kept = [] if shown else kept[:1]
    return [{"id": str(id_), "strategy": str(strategy)} for id_, strategy in kept]


def expect_now(
    mine: list[Offer],
    person: UUID,
    *,
    at: datetime,
    chances: live.Chances | None = None,
) -> list[Offer]:
    """Expect of each offer what the customer's newest orders say; nothing is stored.

    Without a model, what was expected by night stands, but its reasons may not:
    somebody who just bought is no longer due.
    """
    for offer in mine:
        offer.why = ()
    if mine and chances is None:
        chances = live.chances(person, at=at)
    if chances is None:
        return mine
    for offer in mine:
        inside = beliefs.inside(offer.strategy.scope, chances.categories)
        if inside:
            offer.expected = _expected(offer, chances, inside)
            likeliest = sorted(inside, key=lambda i: -chances.probability[i])
            offer.why = _said(
                (chances.categories[i], chances.raised(i)) for i in likeliest
            )
    return mine


def _expected(offer: Offer, chances: live.Chances, inside: Sequence[int]) -> float:
    """Price an offer by today's chances, and by the answer that was believed in."""
    rates = [offer.rate] * len(chances.categories)
    p0, spend, rate = beliefs.in_scope(
        chances.probability[None], chances.spend[None], inside, rates
    )
    worth = value.margin(
        offer.strategy.terms[offer.variant],
        p0,
        spend,
        lift=offer.lift,
        rate=rate,
        habit=beliefs.Habit(use=offer.use, stretch=offer.stretch),
        later=offer.later,
        run=beliefs.Run(turns=offer.strategy.turns),
        correction=offer.correction,
    )
    return float(worth[0]) + offer.aside


def explain(some: Collection[Offer]) -> None:
    """Give many customers' offers the reasons that the scores know: one look-up."""
    scopes = [offer.strategy.scope for offer in some]
    # An empty scope is all goods: then reasons of any category are wanted.
    every = None if [] in scopes else {name for scope in scopes for name in scope}
    told = scores.raised({offer.customer for offer in some}, every)
    for offer in some:
        mine = list(told.get(offer.customer, {}).items())
        about = beliefs.inside(offer.strategy.scope, [name for name, _ in mine])
        offer.why = _said(mine[i] for i in about)


def _said(raised: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Put features into words by category; the first two different ones."""
    words = (
        wordings.said(feature, category)
        for category, features in raised
        for feature in features
    )
    return list(dict.fromkeys(filter(None, words)))[:MOST_REASONS]


def without_habits(body: str) -> str:
    """Leave the reasons out that tell what a customer buys.

    Browsers' keys can be read by anybody, and so could then anybody's habits.
    """
    answer = json.loads(body)
    for offer in answer["offers"]:
        # The first is the strategy's title, which tells nothing of the customer.
        del offer["reasons"][1:]
    return json.dumps(answer, separators=(",", ":"))


def render(external_id: str, offers: Iterable[Offer], *, at: datetime | None) -> str:
    """Write a customer's offers as JSON, in their order."""
    body = {
        "customer": external_id,
        "computed_at": at and at.isoformat(),
        "offers": [_rendered(offer) for offer in offers],
    }
    return json.dumps(body, separators=(",", ":"))


def _rendered(offer: Offer) -> dict[str, object]:
    strategy = offer.strategy
    terms = strategy.menu[offer.variant]
    return {
        "id": str(offer.id),
        "strategy": str(strategy.id),
        "kind": strategy.kind,
        "title": term_words.words(strategy.terms[offer.variant], strategy.currency),
        "terms": terms,
        "scope": strategy.scope,
        "currency": strategy.currency,
        "expires_at": offer.expires_at.isoformat(),
        "reasons": [strategy.title, *offer.why],
    }


def forget(customers: Collection[UUID]) -> None:
    """Throw these customers' sheets away: the next GET renders them from rows.

    By customer, so that two who forget at the same time do not deadlock.
    """
    sheets = Sheet.objects.filter(customer__in=customers)
    list(sheets.order_by("customer").select_for_update().values_list("customer"))
    sheets.delete()


def refresh_soon() -> None:
    """Have the worker compute the offers again once this transaction is committed."""
    soon("promotions.tasks.refresh_offers")


def soon(task: str) -> None:
    """Have the worker do a task once this transaction is committed.

    Robust: with the broker down what was decided stands, and beat's turn follows.
    """
    transaction.on_commit(Sending(task), robust=True)


class Sending:
    """A task to ask for by name. Not a partial: Django logs its `__qualname__`."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.__qualname__ = f"sending {task}"

    def __call__(self) -> None:
        # Once: by default Celery looks for a broker that is down for six seconds.
        once = {"max_retries": 0}
        with current_app.connection_for_write(transport_options=once) as link:
            current_app.send_task(self.task, retry=False, connection=link)
