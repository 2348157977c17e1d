"""Numbers for people: what is in the log."""

from django.db.models import Sum

from analytics.models import Customer, Tally


def totals() -> dict[str, int]:
    """Return how many events of each type the log holds, by the `days` projection."""
    rows = Tally.objects.values("type").annotate(n=Sum("events")).order_by("type")
    return {row["type"]: row["n"] for row in rows}


def customers() -> int:
    """Return how many customers are known."""
    return Customer.objects.count()
