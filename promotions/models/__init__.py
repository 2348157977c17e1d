"""Campaigns, strategies, offers, codes, reservations, redemptions.

A strategy's `state`, `reserved`, `spent` and `redemptions`, a campaign's money, the
counters of limits and a code's `uses` are inline rows: they change under a row lock in
the transaction that appends the event, and a test folds the log against them. `Offer`
and `Sheet` are replaceable: targeting computes them again.
"""

# isort: off
# In this order: so does erasure lock the rows of a customer (analytics.privacy).
from promotions.models.checks import check_menu, check_rule, check_limits, check_zone
from promotions.models.campaigns import PROPOSALS, Campaign
from promotions.models.quarters import LONGEST_QUARTER, Quarter
from promotions.models.strategies import Strategy
from promotions.models.prices import OPEN, PriceLine
from promotions.models.offers import Offer, Feedback
from promotions.models.learnt import Odds, ArmDay, Summed, Learnt, Answer, Calibration
from promotions.models.standing import StandingRule
from promotions.models.supply import Supply
from promotions.models.refreshes import Place, Sheet, Allocation
from promotions.models.backtests import Backtest, Hindsight
from promotions.models.codes import CodeBatch, Code, Guesser
from promotions.models.checkout import Denial, Receipt
from promotions.models.redemptions import (
    Counter,
    Reservation,
    Hold,
    Redemption,
    Rollback,
)
from promotions.models.webhooks import Endpoint, Delivery
from promotions.models.service import (
    HelpText,
    Conversation,
    Question,
    HandOver,
    Example,
)

# isort: on

__all__ = [
    "LONGEST_QUARTER",
    "OPEN",
    "PROPOSALS",
    "Allocation",
    "Answer",
    "ArmDay",
    "Backtest",
    "Calibration",
    "Campaign",
    "Code",
    "CodeBatch",
    "Conversation",
    "Counter",
    "Delivery",
    "Denial",
    "Endpoint",
    "Example",
    "Feedback",
    "Guesser",
    "HandOver",
    "HelpText",
    "Hindsight",
    "Hold",
    "Learnt",
    "Odds",
    "Offer",
    "Place",
    "PriceLine",
    "Quarter",
    "Question",
    "Receipt",
    "Redemption",
    "Reservation",
    "Rollback",
    "Sheet",
    "StandingRule",
    "Strategy",
    "Summed",
    "Supply",
    "check_limits",
    "check_menu",
    "check_rule",
    "check_zone",
]
