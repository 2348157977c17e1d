"""A quarter's budget, its weeks with a fixed part of it, and what was spent of it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import TruncWeek

from analytics import events, glances, store
from catalog.mirrors import lock
from promotions import models
from promotions.models import Redemption
from promotions.quarter_weeks import Quarter


def budget(quarter: Quarter) -> models.Quarter | None:
    """Return a quarter's budget, if it has one."""
    return models.Quarter.objects.filter(starts_on=quarter.first).first()


def set_budget(
    quarter: Quarter,
    amount: Decimal,
    weeks: Sequence[Decimal | None],
    *,
    by: str,
    at: datetime,
) -> models.Quarter:
    """Give a quarter a budget, and some of its weeks a fixed part of it; log it.

    :raises ValidationError: it makes no sense: weeks have more than all.
    """
    row = models.Quarter(
        starts_on=quarter.first,
        budget=amount,
        currency=settings.CURRENCY,
        weeks=list(weeks),
        set_by=by,
        set_at=at,
    )
    # Its row may be there already: saving then replaces it.
    row.full_clean(validate_unique=False, validate_constraints=False)
    fixed = [one for one in weeks if one is not None]
    # As the table's constraints have it: Django does not see into arrays by itself.
    if min([amount, *fixed]) < 0 or sum(fixed) > amount:
        raise ValidationError("The fixed weeks must fit into the budget.")
    planned = events.QuarterPlanned(
        starts_on=row.starts_on,
        by=by,
        budget=amount,
        currency=row.currency,
        weeks=tuple(weeks),
    )
    with transaction.atomic():
        # Who sets it at the same time waits, and has the last word.
        lock("promotions_quarter")
        row.save()
        # Read under the lock, so nobody has written to the stream since.
        after = glances.version(row.stream)
        store.append([planned], at=at, stream=row.stream, after=after)
    return row


def spent(quarter: Quarter) -> list[float]:
    """Return what was given in each week, less what was taken back since."""
    rows = Redemption.objects.filter(
        redeemed_at__gte=quarter.mondays[0],
        redeemed_at__lt=quarter.ends_at,
        strategy__currency=settings.CURRENCY,
    )
    weeks = rows.annotate(week=TruncWeek("redeemed_at")).values_list("week")
    found = dict(weeks.annotate(given=Sum(F("discount") - F("returned"))))
    return [float(found.get(monday, 0)) for monday in quarter.mondays]
