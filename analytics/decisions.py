"""What Proffer and its operators decide: one frozen struct for each."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec

from analytics.shapes import ERASED, Count, Currency, Event, Label, Rate, Text


class ModelPromoted(Event, frozen=True, kw_only=True):
    """A trained model took charge of a task's scores; no `by`: it won the contest."""

    model: UUID
    task: Text
    estimator: Text
    checksum: Text
    validation: dict[str, float]
    reason: Text
    by: str = ""


class ModelRolledBack(Event, frozen=True, kw_only=True):
    """An operator put the model back in charge that was so before."""

    model: UUID
    was: UUID
    task: Text
    by: Text
    comment: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class CampaignOpened(Event, frozen=True, kw_only=True):
    """A campaign was made; its period is half-open, its zone and limits stay.

    `least_return` is of profit for a unit of discount, `most_per_customer` of offers.
    """

    name: Text
    by: Text
    starts_at: datetime
    ends_at: datetime
    zone: Text
    budget: Decimal
    currency: Currency
    limits: list[dict[str, Any]] = []
    least_return: Decimal | None = None
    most_per_customer: int | None = None


class QuarterPlanned(Event, frozen=True, kw_only=True):
    """A quarter got its budget; `weeks` from `starts_on` on, null: not fixed."""

    starts_on: date
    by: Text
    budget: Decimal
    currency: Currency
    weeks: tuple[Decimal | None, ...]


class StrategyProposed(Event, frozen=True, kw_only=True):
    """The platform, a shop or an operator proposed a strategy: the whole of it.

    A `version` above 1 names the strategy that it `replaces`: the chain is in the log.
    """

    kind: Text
    title: Text
    by: Text
    scope: tuple[str, ...]
    menu: dict[str, dict[str, Any]]
    trigger: Text = "offer"
    rule: dict[str, Any] = {}
    campaign: UUID | None = None
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    replaces: UUID | None = None
    reason: str = ""
    least_margin: Decimal = Decimal(0)
    explore: Rate = 0.2
    allocation: Text = "best"
    renews_days: Annotated[int, msgspec.Meta(ge=1)] | None = None
    budget: Decimal
    currency: Currency
    holdout: Rate
    forecast: dict[str, Any]


class StrategyDecided(Event, frozen=True, kw_only=True):
    """What every operator's decision on a strategy carries."""

    by: Text
    comment: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class StrategyApproved(StrategyDecided, frozen=True, kw_only=True):
    """An operator approved; the strategy is live from now on."""


class StrategyRejected(StrategyDecided, frozen=True, kw_only=True):
    """An operator rejected; the strategy will never be live."""


class StrategyReturned(StrategyDecided, frozen=True, kw_only=True):
    """An operator wants changes: the next version may be approved, this one not."""


class StrategyPaused(StrategyDecided, frozen=True, kw_only=True):
    """A live strategy gives nothing until it is resumed; its arms stay as drawn."""


class StrategyResumed(StrategyDecided, frozen=True, kw_only=True):
    """A paused strategy is live again."""


class StrategyCommented(StrategyDecided, frozen=True, kw_only=True):
    """Somebody said something of a strategy, and decided nothing."""


class StrategyEnded(StrategyDecided, frozen=True, kw_only=True):
    """A live strategy stopped forming offers and taking redemptions.

    Where a new version went live in its place, that one's id.
    """

    replaced_by: UUID | None = None


class OfferAssigned(Event, frozen=True, kw_only=True):
    """A customer came into a strategy's audience and got an arm.

    Written once for each customer and strategy, for the holdout too, so that what the
    strategy earned can be counted from the log alone. `probability` is that of this
    very choice, arm and variant, and `bucket` the place in [0, 1) that made it;
    `counterfactual` is the variant that who gets none would have got. `offer` is the
    offer's id, also where it is withheld. Where odds move, `odds` names those that drew
    by their first day.

    What was known then: the chance `p0` of buying in scope without an offer within the
    shop's horizon, the `spend` at shelf prices in that case, its margin `rate`, the
    `traits` by which customers' answers may differ (ml.traits), and how likely this one
    is of which of the `types` that show in answers alone (ml.lifts). `elsewhere`: the
    purchases a week expected out of scope; `rest`: an offer's part of their margin
    within the horizon.
    """

    strategy: UUID
    arm: Text
    variant: str | None
    probability: Rate
    bucket: float | None = None
    counterfactual: str | None = None
    segment: Label = ""
    offer: UUID | None = None
    odds: date | None = None
    p0: Rate | None = None
    spend: float | None = None
    rate: float | None = None
    traits: tuple[float, ...] = ()
    types: tuple[float, ...] = ()
    elsewhere: float = 0.0
    rest: float = 0.0


class OddsSet(Event, frozen=True, kw_only=True):
    """The odds of a strategy's variants among the treated, from a day (UTC) on."""

    strategy: UUID
    day: date
    odds: dict[str, Rate]


FeedbackWord = Literal["useful", "not_for_me", "too_many"]


class OfferFeedback(Event, frozen=True, kw_only=True):
    """A customer's word on an offer; their last one on its strategy counts."""

    strategy: UUID
    offer: UUID
    feedback: FeedbackWord


class OffersComputed(Event, frozen=True, kw_only=True):
    """A refresh of all customers' offers ended; it follows what it assigned.

    What it went by: the `model` of the scores, the `learnt` response by its id, what
    is missing `later` of what offers sell, give or take `later_error`, and the money
    that was `left` to each strategy.
    """

    customers: Count
    offers: Count
    strategies: dict[str, int]
    model: UUID | None
    learnt: Text | None = None
    later: float | None = None
    later_error: float | None = None
    left: dict[str, Decimal] = {}


class OfferRedeemed(Event, frozen=True, kw_only=True):
    """An order used a strategy's offer.

    `discount` is what it gave at shelf prices; `gift_value` is the part of it that was
    a `gift`, of that sku, and so is on none of the order's lines.
    """

    personal: ClassVar[Mapping[str, Any]] = {"order_id": ERASED}
    strategy: UUID
    redemption: UUID
    variant: Text
    offer: UUID | None
    code: UUID | None = None
    reservation: UUID | None = None
    order_id: Text
    discount: Decimal
    gift: Text | None = None
    gift_value: Decimal = Decimal(0)
    currency: Currency


class OfferReserved(Event, frozen=True, kw_only=True):
    """A cart holds `amount` of a strategy's budget until then, whoever asks next."""

    strategy: UUID
    reservation: UUID
    variant: Text
    offer: UUID | None
    code: UUID | None = None
    amount: Decimal
    currency: Currency
    until: datetime


class ReservationReleased(Event, frozen=True, kw_only=True):
    """The shop gave back what a reservation held of a strategy's budget."""

    strategy: UUID
    reservation: UUID
    amount: Decimal


class ReservationExpired(ReservationReleased, frozen=True, kw_only=True):
    """A reservation's time was over; what it held of a budget is free again."""


class RedemptionRolledBack(Event, frozen=True, kw_only=True):
    """A redemption was taken back: whole, or `amount` of it.

    `given_back` went back to the budgets, by the rule's policy. With the whole of it a
    `gift` came back too, if it was one: of that sku, and worth `gift_value`.
    """

    personal: ClassVar[Mapping[str, Any]] = {"order_id": ERASED}
    strategy: UUID
    redemption: UUID
    rollback: UUID
    order_id: Text
    amount: Decimal
    given_back: Decimal
    whole: bool
    gift: Text | None = None
    gift_value: Decimal = Decimal(0)
    currency: Currency


class StandingRuleDecided(Event, frozen=True, kw_only=True):
    """A standing rule was proposed, approved or retired."""

    rule: UUID
    step: Text
    flag: Text
    by: Text
    comment: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    campaign: UUID | None = None


class BudgetReached(Event, frozen=True, kw_only=True):
    """A strategy has spent this share of its budget."""

    strategy: UUID
    share: Rate
    spent: Decimal
    budget: Decimal
