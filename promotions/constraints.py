"""What a plan of offers must keep to: read from strategies, stock, log and settings.

The same for a refresh, which plans for everybody at once, and for who arrives after it:
budgets, each campaign's return and cap, gifts on hand, the contact rule, least shares.
Stock binds gifts, sku by sku. Of the goods in a scope it only says whether all are sold
out: what comes in before an offer ends is not known, and an offer names no sku. Loads
NumPy alone.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from analytics import identity, lookup
from analytics.models import Assignment
from promotions import gifts, supply
from promotions.instances import NOBODY, Bools, Budget, Floats, Instance, Ints, Return
from promotions.instances import Share as LeastShare
from promotions.models import Campaign, Offer, Place, Strategy
from promotions.places import EVERY
from promotions.rules import Gift
from promotions.value import Best

CONTACTS = timedelta(days=28)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Live strategies before customers, of whom each has one best variant.

    worth: each strategy's. Matrices are [strategies, customers]: `unused`, who has not
    used it up; `promised`, who has it, and keeps it.
    """

    strategies: Sequence[Strategy]
    worth: Sequence[Best]
    customers: Sequence[UUID]
    segments: Mapping[UUID, str]
    unused: Bools
    promised: Bools

    @property
    def campaigns(self) -> list[Campaign]:
        """The strategies' campaigns, by first use."""
        mine = {one.campaign_id: one.campaign for one in self.strategies}
        return list(mine.values())

    def of(self, campaign: Campaign) -> tuple[int, ...]:
        """Return the places of a campaign's strategies."""
        rows = enumerate(self.strategies)
        return tuple(i for i, one in rows if one.campaign_id == campaign.id)


def asked(given: Candidates, *, at: datetime) -> Instance:
    """Return what the allocator is asked: an option is a strategy."""
    campaigns = given.campaigns
    place = {one.id: i for i, one in enumerate(campaigns)}
    elsewhere = _elsewhere(given, at)
    return Instance(
        value=np.stack([one.margin for one in given.worth]),
        cost=np.stack([one.cost for one in given.worth]),
        campaign=[place[one.campaign_id] for one in given.strategies],
        most=settings.OFFERS_PER_CUSTOMER,
        budgets=_budgets(given, elsewhere),
        returns=_returns(given),
        audience=given.unused & _in_stock(given.strategies)[:, None],
        promised=given.promised,
        given=_contacts(given, at),
        **_caps(given),
        **_gifts(given, elsewhere),
        **_shares(given),
    )


Costs = Mapping[UUID, float]
"""By strategy."""


def _elsewhere(given: Candidates, at: datetime) -> Costs:
    """Return the expected costs of what others hold, who came after the scores.

    What they have used is spent, and counted by the strategy.
    """
    # What ends before the next refresh binds nothing more.
    rows = Place.objects.filter(
        strategy__in=given.strategies, cost__gt=0, until__gt=at + EVERY
    )
    mine, held = set(given.customers), dict[UUID, float]()
    others = [
        (who, strategy, cost)
        for who, strategy, cost in rows.values_list("customer", "strategy", "cost")
        if who not in mine
    ]
    used = Offer.objects.filter(customer__in={who for who, *_ in others})
    gone = {*used.exclude(redeemed_at=None).values_list("customer", "strategy")}
    for who, strategy, cost in others:
        if (who, strategy) not in gone:
            held[strategy] = held.get(strategy, 0.0) + cost
    return held


def _budgets(given: Candidates, elsewhere: Costs) -> tuple[Budget, ...]:
    """Return what each strategy, and each campaign over its strategies, may spend."""
    held = [elsewhere.get(one.id, 0.0) for one in given.strategies]
    mine = [
        Budget(
            name=str(one.id),
            options=(place,),
            amount=max(0.0, float(one.left) - held[place]),
        )
        for place, one in enumerate(given.strategies)
    ]
    shared = [
        Budget(
            name=str(one.id),
            options=(places := given.of(one)),
            amount=max(0.0, float(one.left) - sum(held[i] for i in places)),
        )
        for one in given.campaigns
    ]
    return (*mine, *shared)


def _returns(given: Candidates) -> tuple[Return, ...]:
    return tuple(
        Return(name=str(one.id), options=given.of(one), least=float(one.least_return))
        for one in given.campaigns
        if one.least_return is not None
    )


def _caps(given: Candidates) -> dict[str, Any]:
    """Return the campaigns' caps, and what counts: an offer that was used does too."""
    campaigns = given.campaigns
    if all(one.most_per_customer is None for one in campaigns):
        return {}
    used = [(~given.unused[list(given.of(one))]).sum(axis=0) for one in campaigns]
    caps = [one.most_per_customer or len(given.strategies) for one in campaigns]
    return {"most_of_campaign": np.array(caps), "given_of_campaign": np.array(used)}


def _contacts(given: Candidates, at: datetime) -> Ints | None:
    """Return how much of OFFERS_PER_CUSTOMER the contact rule takes from each.

    Whatever they drew: were only offers to count, who is held back would come into
    other audiences more easily. What lasts counts too, however old.
    """
    most = settings.OFFERS_IN_28_DAYS
    if most is None:
        return None
    lately = _lately(given.customers, since=at - CONTACTS)
    ids = [one.id for one in given.strategies]
    others = [
        # What is promised takes its place by itself.
        len(lately.get(who, set()).difference(np.array(ids)[promised]))
        for who, promised in zip(given.customers, given.promised.T, strict=True)
    ]
    usual = settings.OFFERS_PER_CUSTOMER
    # What the rule still allows, said as offers that are held elsewhere.
    return np.asarray(usual - np.clip(most - np.array(others), 0, usual))


def _lately(customers: Collection[UUID], *, since: datetime) -> dict[UUID, set[UUID]]:
    """Return the strategies that each person newly came into since then."""
    rows = Assignment.objects.filter(at__gt=since)
    if len(customers) == 1:
        [person] = customers
        # A newcomer waits for this: nobody else's keys are read.
        persons = dict.fromkeys(identity.keys(person), person)
        rows = rows.filter(customer__in=persons)
    else:
        persons = identity.persons()
    mine: dict[UUID, set[UUID]] = {}
    for key, strategy in rows.values_list("customer", "strategy"):
        mine.setdefault(persons.get(key, key), set()).add(strategy)
    return mine


def _gifts(given: Candidates, elsewhere: Costs) -> dict[str, Any]:
    """Return the units of gifts that offers are expected to take, and what is there.

    An offer's expected cost is its gift's value times the chance that it is given. Of a
    menu with several gifts, each customer's best one counts.
    """
    menus = [_skus(one) for one in given.strategies]
    wanted = {sku for menu in menus for sku, _ in menu}
    there = gifts.there(wanted, []) if wanted else {}
    # What is there without a count binds nothing; what is not there, is none.
    counted = {sku for sku in wanted if sku not in there or there[sku].left is not None}
    if not counted:
        return {}
    names = sorted(counted)
    places = {sku: place for place, sku in enumerate(names)}
    shape = given.unused.shape
    sku, units = np.full(shape, NOBODY), np.zeros(shape)
    for option, menu in enumerate(menus):
        if menu:
            best = given.worth[option]
            mine = np.array([places.get(one, NOBODY) for one, _ in menu])[best.variant]
            value = np.array([float(worth) for _, worth in menu])[best.variant]
            sku[option], units[option] = mine, best.cost / np.maximum(value, 1e-9)
    stock = np.array([there[one].left or 0 if one in there else 0 for one in names])
    held = np.zeros(len(names))
    for strategy, menu in zip(given.strategies, menus, strict=True):
        if menu and menu[0][0] in places:
            name, worth = menu[0]
            held[places[name]] += elsewhere.get(strategy.id, 0.0) / float(worth)
    return {
        "sku": sku,
        "units": units,
        "stock": np.maximum(stock - held, 0.0),
        "stock_names": tuple(names),
    }


def _skus(strategy: Strategy) -> list[tuple[str, Decimal]]:
    """Return each variant's gift and its value; nothing of other kinds."""
    terms = strategy.terms.values()
    return [(one.sku, one.value) for one in terms if isinstance(one, Gift)]


STOCKED = (
    "SELECT CASE WHEN scope = '[]' THEN"
    " EXISTS (SELECT FROM catalog_product WHERE stock IS NULL OR stock > 0)"
    " OR NOT EXISTS (SELECT FROM catalog_product) ELSE"
    " EXISTS (SELECT FROM catalog_product WHERE category = ANY(names)"
    " AND (stock IS NULL OR stock > 0))"
    " OR NOT EXISTS (SELECT FROM catalog_product WHERE category = ANY(names)) END"
    " FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS asked (scope, place),"
    " LATERAL (SELECT ARRAY(SELECT jsonb_array_elements_text(scope)) AS names) n"
    " ORDER BY place"
)
"""Of each scope, whether a product is there, or none is counted or known at all."""


def _in_stock(strategies: Sequence[Strategy]) -> Bools:
    """Mark the strategies whose scope neither is sold out nor runs short."""
    scopes = list({tuple(one.scope) for one in strategies})
    found = lookup.rows(STOCKED, [json.dumps(scopes)])
    there = {scope: left for scope, (left,) in zip(scopes, found, strict=True)}
    low = supply.short()
    return np.array(
        [
            there[tuple(one.scope)] and not supply.runs_short(one, low)
            for one in strategies
        ]
    )


def _shares(given: Candidates) -> dict[str, Any]:
    """Return the least share of each segment: who drew nothing counts as chosen."""
    least = settings.LEAST_SHARE_OF_SEGMENT
    if not least:
        return {}
    mine = [given.segments.get(one, "") for one in given.customers]
    names = sorted(set(mine))
    places = {name: place for place, name in enumerate(names)}
    return {
        "group": np.array([places[one] for one in mine]),
        "shares": tuple(LeastShare(name=one or "none", share=least) for one in names),
    }


def named(asked: Instance, amounts: Floats) -> dict[str, float]:
    """Return amounts [J] by the names of what they are of."""
    return dict(zip(asked.names, amounts.tolist(), strict=True))
