"""What applies by itself to everybody's carts now, as anybody may be told."""

from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet

from promotions import book, condition_words, phrases, term_words
from promotions.models import Strategy


def live(*, at: datetime) -> "QuerySet[Strategy]":
    """Return them, but those of a segment: who is in one is nobody else's business."""
    return (
        Strategy.objects.filter(
            state=Strategy.State.LIVE,
            trigger=Strategy.Trigger.AUTOMATIC,
            campaign__starts_at__lte=at,
            campaign__ends_at__gt=at,
            budget__gt=F("spent") + F("reserved"),
            campaign__budget__gt=F("campaign__spent") + F("campaign__reserved"),
        )
        .exclude(rule__conditions__segments__0__isnull=False)
        .select_related("campaign")
    )


def told(row: Strategy) -> dict[str, Any]:
    """Return a promotion as storefronts read it."""
    terse = book.decoded(row)
    terms = terse.menu[terse.variant]
    asked = terse.rule.conditions
    return {
        "id": str(row.id),
        "kind": row.kind,
        "title": term_words.words(terms, row.currency),
        "about": phrases.about(row.scope, terse.rule, {terse.variant: terms}),
        "conditions": list(condition_words.conditions(asked, row.currency, terse.zone)),
        "terms": row.menu[terse.variant],
        "categories": row.scope,
        "skus": terse.rule.skus,
        "brands": terse.rule.brands,
        "currency": row.currency,
        "starts_at": row.campaign.starts_at.isoformat(),
        "ends_at": row.campaign.ends_at.isoformat(),
        "zone": terse.zone,
    }
