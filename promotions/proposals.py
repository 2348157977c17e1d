"""From a draft to a proposal, whoever wrote it: a shop's server, or an operator.

Nothing here makes a strategy live: a proposal waits for the worker, which tries it on
past baskets, and then for an operator (promotions.approval).
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from analytics.wording import Wording
from promotions import (
    approval,
    book,
    campaigns,
    drafts,
    guards,
    guards_now,
    past_guards,
    phrases,
    scopes,
)
from promotions.drafts import CampaignDraft, Draft, Fault, Faulty
from promotions.guards import Guard
from promotions.models import Campaign, Strategy
from promotions.offers import soon

State = Strategy.State
REPLACEABLE = (State.RETURNED, State.LIVE, State.PAUSED, State.ENDED)


class NotReplaceable(Exception):
    """Only what was live can have a new version, and only one at a time."""


def open_campaign(draft: CampaignDraft, *, by: str, at: datetime) -> Campaign:
    """Open a campaign.

    :raises Faulty: its fields make no sense.
    """
    return campaigns.open_(_made(draft), by=by, at=at)


def drawn_up(draft: Draft) -> Strategy:
    """Return the strategy that a draft would become; neither it nor its campaign is
    stored.

    :raises Faulty: it makes no sense, or its campaign is not there.
    """
    strategy = _strategy(draft, _campaign(draft))
    try:
        # A new campaign is not stored yet, and guards are made afterwards.
        strategy.full_clean(exclude=["campaign", "guards"])
    except ValidationError as error:
        raise Faulty(_faults(error)) from error
    return strategy


def propose(draft: Draft, *, by: str, at: datetime) -> Strategy:
    """Propose a strategy.

    :raises Faulty: it makes no sense, or its campaign is not there.
    """
    with transaction.atomic():
        return _proposed(draft, None, by=by, at=at)


def propose_version(old: UUID, draft: Draft, *, by: str, at: datetime) -> Strategy:
    """Propose what is to take a strategy's place, once it is approved.

    :raises Strategy.DoesNotExist: there is nothing to replace.
    :raises NotReplaceable: it waits itself, or was rejected; or another version waits
        or went live.
    :raises Faulty: the draft makes no sense.
    """
    with transaction.atomic():
        # Locked: of two who write a next version at once, the
        # second finds the first one's.
        before = Strategy.objects.select_for_update().get(id=old)
        if before.prices:
            raise NotReplaceable(
                Wording("Of a price change, products are struck out on its page.")
            )
        if before.state not in REPLACEABLE:
            said = before.get_state_display()
            raise NotReplaceable(
                Wording("It is %(state)s, so it has no next version.", state=said)
            )
        # As the constraint `strategy_replaced_once` has it.
        if before.successors.exclude(state=State.REJECTED).exists():
            raise NotReplaceable(
                Wording("Another version of it is proposed or approved.")
            )
        return _proposed(draft, before, by=by, at=at)


def versionable(strategy: Strategy, successors: Iterable[Strategy]) -> bool:
    """Whether `propose_version` would take a next version now."""
    free = all(one.state == State.REJECTED for one in successors)
    return strategy.state in REPLACEABLE and free and not strategy.prices


def _proposed(
    draft: Draft, before: Strategy | None, *, by: str, at: datetime
) -> Strategy:
    strategy = drawn_up(draft)
    if isinstance(draft.campaign, CampaignDraft):
        # In the proposal's transaction: what is refused below
        # leaves no campaign behind.
        campaigns.open_(strategy.campaign, by=by, at=at)
    if before:
        strategy.replaces, strategy.version = before, _next_version(before)
    strategy.guards = guards.stored(checks(strategy, at=at))
    try:
        approval.propose(strategy, by=by, at=at)
    except ValidationError as error:
        raise Faulty(_faults(error)) from error
    soon("promotions.tasks.review")
    return strategy


def _campaign(draft: Draft) -> Campaign:
    """Return an open campaign, or one that is not stored yet."""
    if isinstance(draft.campaign, CampaignDraft):
        try:
            return _made(draft.campaign)
        except Faulty as error:
            raise Faulty(
                [
                    Fault(field=f"campaign.{one.field}", reason=one.reason)
                    for one in error.faults
                ]
            ) from error
    campaign = Campaign.objects.filter(id=draft.campaign).first()
    if campaign is None:
        raise Faulty([Fault(field="campaign", reason="There is no such campaign.")])
    return campaign


def _made(draft: CampaignDraft) -> Campaign:
    try:
        return campaigns.made(
            name=draft.name,
            starts_at=draft.starts_at,
            ends_at=draft.ends_at,
            zone=draft.zone,
            budget=draft.budget,
            currency=draft.currency or settings.CURRENCY,
            limits=draft.limits,
            least_return=draft.least_return,
            most_per_customer=draft.most_per_customer,
        )
    except ValidationError as error:
        raise Faulty(_faults(error)) from error


def _strategy(draft: Draft, campaign: Campaign) -> Strategy:
    if faults := drafts.currency_faults(draft, campaign.currency):
        raise Faulty(faults)
    personal = draft.trigger == "offer"
    usual = settings.HOLDOUT if draft.holdout is None else draft.holdout
    return Strategy(
        campaign=campaign,
        kind=draft.kind,
        title=draft.title,
        reason=draft.reason or "Proposed by hand.",
        trigger=draft.trigger,
        currency=campaign.currency,
        budget=draft.budget,
        least_margin=draft.least_margin,
        holdout=usual if personal else 0,
        explore=draft.explore,
        allocation=draft.allocation,
        renews_days=draft.renews_days,
        forecast={},
        **drafts.written(draft),
    )


def _next_version(before: Strategy) -> int:
    """Numbers go up also past versions that were rejected."""
    tried = before.successors.aggregate(most=Max("version"))["most"]
    return int(tried or before.version) + 1


def checks(strategy: Strategy, *, at: datetime) -> list[Guard]:
    """Return the guards of a strategy made by hand; the worker adds the last."""
    usual = scopes.usual(strategy)
    rule = book.decoded(strategy).rule
    return [
        guards.scope(usual),
        guards.floor(strategy.terms.values(), rule, strategy.least_margin, usual),
        *guards_now.standing(strategy, at=at),
        past_guards.untried(),
    ]


def said(strategy: Strategy) -> phrases.Said:
    """Return what a strategy is, for sentences."""
    terse = book.decoded(strategy)
    return phrases.Said(
        title=strategy.title,
        menu=terse.menu,
        rule=terse.rule,
        scope=strategy.scope,
        trigger=strategy.trigger,
        currency=strategy.currency,
        zone=strategy.campaign.zone,
        budget=strategy.budget,
        least_margin=strategy.least_margin,
        holdout=strategy.holdout,
        allocation=strategy.allocation,
        renews_days=strategy.renews_days,
    )


def _faults(error: ValidationError) -> list[Fault]:
    """Turn Django's refusals into ours."""
    by_field = getattr(error, "error_dict", None) or {"": [error]}
    return [
        Fault(field="" if name == "__all__" else name, reason=" ".join(one.messages))
        for name, errors in by_field.items()
        for one in errors
    ]
