"""What may be proposed: what is on sale, not on its way, and not rejected of late.

Categories of which much ill is said are left alone, and products of which it is are
kept out of the rule (ml.opinions).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from catalog.models import Product
from ml.opinions import Held
from promotions import supply
from promotions.audiences import Audience
from promotions.beliefs import Response
from promotions.models import Strategy
from promotions.pitches import Draft

MOST_EXCLUDED = 1000
"""Products that a rule may name."""
REMEMBERS = timedelta(days=90)
"""For so long what was rejected is not proposed again."""
SAMPLE = 5000


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What proposals are looked for with."""

    audience: Audience
    believed: Response
    open_to_offers: AbstractSet[str]
    held: Held
    at: datetime

    @property
    def step(self) -> int:
        """At the first look each customer stands for so many."""
        return max(1, -(-len(self.audience.matrix.customers) // SAMPLE))


def allowed(held: Held, at: datetime) -> set[str]:
    """Return the categories that may be proposed for."""
    return _promotable(held) - _on_their_way(at) - supply.short() - held.categories


def under_way(at: datetime) -> list[Strategy]:
    """Return what waits for a decision or for changes, or has customers."""
    states = ("proposed", "returned", "live", "paused")
    return list(Strategy.objects.filter(state__in=states, campaign__ends_at__gt=at))


def _on_their_way(at: datetime) -> set[str]:
    """Return the categories that have a proposal, or a strategy with customers."""
    personal = Strategy.Trigger.OFFER
    some = (one.scope for one in under_way(at) if one.trigger == personal)
    return {name for scope in some for name in scope}


def rejected(at: datetime) -> dict[tuple[str, str], float]:
    """Return what operators did not want of late: what its low end was at best."""
    rows = Strategy.objects.filter(
        state=Strategy.State.REJECTED, decided_at__gt=at - REMEMBERS
    )
    found: dict[tuple[str, str], float] = {}
    for kind, scope, forecast in rows.values_list("kind", "scope", "forecast"):
        for name in scope:
            low = float(forecast.get("low", 0.0))
            found[kind, name] = max(low, found.get((kind, name), low))
    return found


def is_news(draft: Draft, rejected: Mapping[tuple[str, str], float]) -> bool:
    was = rejected.get((draft.kind, draft.category))
    return was is None or was <= 0 < draft.low


def _promotable(held: Held) -> set[str]:
    """Return the categories on sale in which nothing is barred from promotions.

    Something of it must be on sale that is not held out for what is said of it.
    """
    shelf = Product.objects.filter(price__isnull=False)
    named = shelf.values_list("category", flat=True).distinct()
    # Something else of the category must be there to promote.
    free = named.exclude(sku__in=held.skus)
    return set(free) - set(named.filter(promotable=False))


def without(held: Held, category: str) -> dict[str, Any]:
    """Return the rule that keeps products out of which much ill is said."""
    theirs = Product.objects.filter(category=category, sku__in=held.skus)
    skus = list(theirs.order_by("sku").values_list("sku", flat=True)[:MOST_EXCLUDED])
    return {"excluded_skus": skus} if skus else {}
