"""Standing rules: flags that may end a strategy without asking again.

An operator proposes a rule and another one approves it; both are in the log. What a
rule ends is ended on the one road that all decisions take (promotions.approval).
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from analytics import events, store
from analytics.wording import Wording
from promotions import approval, decision_rules, flags
from promotions.models import StandingRule, Strategy

State = StandingRule.State
PLATFORM = "platform"
BECAUSE = Wording("%(why)s (by the rule %(rule)s)")
STOPS = Wording("“%(title)s” should end: %(why)s")


class NotByTwo(Exception):
    """A rule must be approved by somebody else than who proposed it."""


class NotWaiting(Exception):
    """A rule is not in the state that the decision needs."""


REFUSALS = (NotByTwo, NotWaiting)


def propose(rule: StandingRule, *, by: str, at: datetime) -> StandingRule:
    """Save a new rule; it does nothing yet."""
    with transaction.atomic():
        rule.state, rule.proposed_by, rule.proposed_at = State.PROPOSED, by, at
        # Never an update: a rule that is decided on would begin anew.
        rule.save(force_insert=True)
        _log(rule, "proposed", by, at)
    return rule


def approve(rule: UUID, *, by: str, at: datetime) -> None:
    """Let a proposed rule act.

    :raises NotByTwo: the same operator proposed it.
    :raises NotWaiting: it is not proposed.
    """
    _decide(rule, State.APPROVED, by, at)


def retire(rule: UUID, *, by: str, at: datetime) -> None:
    """Let a rule act no more; again is no error."""
    _decide(rule, State.RETIRED, by, at)


def act(*, at: datetime) -> list[Strategy]:
    """End the live strategies whose flags an approved rule names; return them."""
    rules = list(StandingRule.objects.filter(state=State.APPROVED).order_by("id"))
    if not rules:
        return []
    ended = []
    # Several flags may be up for one strategy: it ends by the first that a rule names.
    for flag in flags.raised(at=at):
        rule = next((one for one in rules if _covers(one, flag)), None)
        if rule and flag.strategy not in ended and _end(rule, flag, at):
            ended.append(flag.strategy)
    return ended


def _covers(rule: StandingRule, flag: flags.Flag) -> bool:
    mine = rule.campaign_id in (None, flag.strategy.campaign_id)
    return mine and rule.flag == flag.kind


def _end(rule: StandingRule, flag: flags.Flag, at: datetime) -> bool:
    try:
        approval.end(
            flag.strategy.id,
            by=f"standing rule of {rule.decided_by}",
            comment=str(Wording(BECAUSE, why=flag.text, rule=rule.id)),
            at=at,
        )
    except decision_rules.NotLive:  # an operator was faster
        return False
    return True


def _decide(key: UUID, made: StandingRule.State, by: str, at: datetime) -> None:
    with transaction.atomic():
        rule = StandingRule.objects.select_for_update().get(id=key)
        # A second click is no error, and is not logged again.
        if rule.state == made:
            return
        if made == State.APPROVED and rule.state != State.PROPOSED:
            raise NotWaiting(
                Wording("The rule is %(state)s.", state=rule.get_state_display())
            )
        if made == State.APPROVED and rule.proposed_by == by:
            raise NotByTwo(Wording("Somebody else must approve what you proposed."))
        rule.state, rule.decided_by, rule.decided_at = made, by, at
        rule.save(update_fields=["state", "decided_by", "decided_at"])
        _log(rule, made.value, by, at)


def _log(rule: StandingRule, step: str, by: str, at: datetime) -> None:
    said = events.StandingRuleDecided(
        rule=rule.id,
        step=step,
        flag=rule.flag,
        campaign=rule.campaign_id,
        by=by,
        comment=rule.comment,
    )
    store.append([said], at=at)


def propose_stops(*, at: datetime) -> list[StandingRule]:
    """Propose to end what runs short: one rule a campaign, unless one was refused.

    It waits for an operator like any other; nothing ends before.
    """
    made = []
    for flag in flags.raised(at=at):
        campaign = flag.strategy.campaign
        rules = StandingRule.objects.filter(flag=flag.kind)
        mine = rules.filter(Q(campaign=campaign) | Q(campaign=None))
        if flag.kind == StandingRule.Flag.SHORT and not mine.exists():
            text = Wording(STOPS, title=flag.strategy.title, why=flag.text)
            rule = StandingRule(flag=flag.kind, campaign=campaign, comment=str(text))
            made.append(propose(rule, by=PLATFORM, at=at))
    return made
