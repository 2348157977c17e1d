"""What shops and operators send to propose a strategy: typed, every fault named. Pure.

The API's bodies and the back office's forms become the same drafts here, so what one
refuses the other refuses too, at the same path, such as `rule.limits[0].most`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from catalog import pricing
from promotions import rule_faults
from promotions.rules import Limits, Name, Names, Rule, Terms, Typed

Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Moment = Annotated[datetime, Meta(tz=True)]
Words = Annotated[str, Meta(max_length=2000)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Kind = Literal[
    "percentage",
    "amount",
    "fixed_price",
    "threshold",
    "multibuy",
    "bundle",
    "gift",
    "shipping",
]
Trigger = Literal["offer", "automatic", "code"]
PERSONAL = frozenset({"percentage", "threshold", "gift"})
"""Kinds whose worth is forecast for each customer, and so may be personal offers."""
# Of other ages no weeks can be counted back, or ahead: dates end.
YEARS = range(2000, 2101)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong, and where."""

    field: str
    reason: str


class Faulty(Exception):
    """A draft that is of another shape, or makes no sense; `faults` says where."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{one.field}: {one.reason}" for one in faults))
        self.faults = faults


class CampaignDraft(Typed, frozen=True, kw_only=True):
    """A campaign to open. The period is half-open: it ends before `ends_at`.

    Days, hours and weeks of rules and limits are those of `zone`. Of its personal
    offers, a customer gets `most_per_customer`; together they bring `least_return` of
    profit for each unit of discount, once that is paid. Null: no such limit.
    """

    name: Name
    starts_at: Moment
    ends_at: Moment
    zone: Name = "UTC"
    budget: Decimal
    currency: Currency | None = None
    limits: Limits = ()
    least_return: Decimal | None = None
    most_per_customer: Annotated[int, Meta(ge=1, le=32767)] | None = None


class Draft(Typed, frozen=True, kw_only=True):
    """A strategy to propose.

    `menu` is label -> terms, all of one `kind`; an automatic strategy, or a code's,
    gives the first. `campaign` is an open one's id, or one to open. `holdout` is the
    share of customers who get no offer, for the measurement; of offers only. The
    `allocation` says who gets which variant: "best" gives each the one that is best for
    them, and a share `explore` one by lot; with "thompson" all is by lot, at odds that
    follow each day what each variant has earned; with "trial" also who gets any, to
    learn what offers do. An offer that `renews_days` after a use can be used again.
    """

    title: Name
    reason: Words = ""
    kind: Kind
    trigger: Trigger
    menu: Annotated[dict[Name, Terms], Meta(min_length=1, max_length=20)]
    rule: Rule = Rule()
    scope: Names = ()
    budget: Decimal
    least_margin: Decimal = Decimal("0.05")
    holdout: Share | None = None
    explore: Annotated[float, Meta(ge=0, le=1)] = 0.2
    allocation: Literal["best", "thompson", "trial"] = "best"
    renews_days: Annotated[int, Meta(ge=1, le=366)] | None = None
    campaign: UUID | CampaignDraft


def currency_faults(draft: Draft, currency: str) -> list[Fault]:
    """Say which amounts no coins of the currency make."""
    faults = list(_sense(draft, currency))
    if wrong := pricing.decimals_fault(draft.budget, currency):
        faults.append(Fault(field="budget", reason=wrong))
    return faults


def written(draft: Draft) -> dict[str, Any]:
    """Return a draft's rule and menu as the tables keep them.

    What applies by itself, or by a code, gives the menu's first variant: the others are
    dropped, for the table's JSON keeps no order.
    """
    menu = draft.menu
    if draft.trigger != "offer":
        first = next(iter(menu))
        menu = {first: menu[first]}
    return {
        "menu": msgspec.to_builtins(menu),
        "rule": msgspec.to_builtins(draft.rule),
        "scope": list(draft.scope),
    }


def draft_faults(draft: Draft) -> Iterator[Fault]:
    for label, terms in draft.menu.items():
        if terms.__struct_config__.tag != draft.kind:
            reason = f"The strategy's kind is {draft.kind}."
            yield Fault(field=f"menu.{label}.kind", reason=reason)
    yield from _sense(draft, "")
    yield from _amount("budget", draft.budget)
    if not draft.least_margin.is_finite() or not 0 <= draft.least_margin < 1:
        reason = "It must be at least 0 and below 1."
        yield Fault(field="least_margin", reason=reason)
    yield from _personal_faults(draft)
    if draft.allocation != "best":
        yield from _lot_faults(draft)
    if isinstance(draft.campaign, CampaignDraft):
        yield from campaign_faults(draft.campaign, "campaign.")


def _personal_faults(draft: Draft) -> Iterator[Fault]:
    if draft.trigger == "offer":
        if draft.kind not in PERSONAL:
            reason = "This kind cannot be a personal offer."
            yield Fault(field="trigger", reason=reason)
        return
    if draft.holdout:
        reason = "Only personal offers can be held back."
        yield Fault(field="holdout", reason=reason)
    if draft.renews_days:
        reason = "Only personal offers renew; others have limits."
        yield Fault(field="renews_days", reason=reason)


def _lot_faults(draft: Draft) -> Iterator[Fault]:
    if draft.trigger != "offer":
        reason = "Only personal offers are drawn by lot."
        yield Fault(field="allocation", reason=reason)
    elif draft.allocation == "thompson" and len(draft.menu) < 2:
        reason = "A menu of one variant leaves nothing to draw."
        yield Fault(field="allocation", reason=reason)


def _sense(draft: Draft, currency: str) -> Iterator[Fault]:
    for label, terms in draft.menu.items():
        if wrong := rule_faults.fault(terms, currency):
            yield _placed(f"menu.{label}", wrong, terms)
    if wrong := rule_faults.rule_fault(draft.rule, currency):
        yield _placed("rule", wrong, draft.rule)


def _placed(at: str, wrong: str, of: msgspec.Struct) -> Fault:
    place = rule_faults.place(wrong, of)
    return Fault(field=f"{at}.{place}" if place else at, reason=_said(wrong, place))


def _said(wrong: str, place: str) -> str:
    """Say a fault as a sentence, without the place that is told beside it."""
    rest = wrong.removeprefix(place)
    if place and not rest.startswith(": "):
        return f"It{rest}."
    rest = rest.removeprefix(": ")
    return f"{rest[:1].upper()}{rest[1:].rstrip('.')}."


def campaign_faults(draft: CampaignDraft, at: str) -> Iterator[Fault]:
    for name, moment in (("starts_at", draft.starts_at), ("ends_at", draft.ends_at)):
        if moment.year not in YEARS:
            reason = f"It must lie between {YEARS[0]} and {YEARS[-1]}."
            yield Fault(field=f"{at}{name}", reason=reason)
            return
    if draft.ends_at <= draft.starts_at:
        yield Fault(field=f"{at}ends_at", reason="It must lie after starts_at.")
    yield from _amount(f"{at}budget", draft.budget)
    yield from _return_faults(f"{at}least_return", draft.least_return)
    if wrong := rule_faults.limits_fault(draft.limits):
        place = rule_faults.place(wrong, draft) or "limits"
        yield Fault(field=f"{at}{place}", reason=_said(wrong, place))


def _return_faults(at: str, least: Decimal | None) -> Iterator[Fault]:
    if least is None:
        return
    # What the table's column holds: seven digits, of them three decimals.
    if not (least.is_finite() and 0 <= least < 10_000):
        yield Fault(field=at, reason="It must lie between 0 and 9999.")
    elif least != least.quantize(Decimal("0.001")):
        yield Fault(field=at, reason="It has at most three decimals.")


def _amount(at: str, amount: Decimal) -> Iterator[Fault]:
    if not amount.is_finite() or not 0 < amount < rule_faults.HIGHEST:
        yield Fault(field=at, reason="It must be above 0 and below 10⁹.")
