"""How far the treated came, and what was given day by day: from the uses' own rows."""

from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate

from promotions.models import Redemption, Strategy
from promotions.reports import Report


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """How many of the treated came how far; what was given, less what came back.

    How often offers were served is not known: GET records nothing.
    """

    assigned: int
    shown: int
    redeemed: int
    rolled_back: int
    given: Decimal


def funnel(strategy: Strategy, report: Report) -> Funnel:
    """Return how far the treated came: people from the sums, uses from their rows.

    Where offers renew, who used several counts once.
    """
    counted = Redemption.objects.filter(strategy=strategy).aggregate(
        redeemed=Count("customer", distinct=True),
        rolled_back=Count("id", filter=Q(rolled_back_at__isnull=False)),
        given=Sum(F("discount") - F("returned"), default=Decimal(0)),
    )
    return Funnel(
        assigned=report.result.treatment,
        shown=report.shown.result.treatment,
        **counted,
    )


def spent(strategy: Strategy) -> dict[date, Decimal]:
    """Return what was given on each day (UTC), less what came back of it later."""
    rows = Redemption.objects.filter(strategy=strategy)
    by_day = rows.annotate(day=TruncDate("redeemed_at", tzinfo=UTC)).values("day")
    given = by_day.annotate(given=Sum(F("discount") - F("returned")))
    return dict(given.values_list("day", "given"))
