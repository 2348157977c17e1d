"""What the forms of a strategy's next version begin with."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from promotions import rule_reading
from promotions.models import Strategy
from promotions.terms_forms import PARTS


def start(strategy: Strategy) -> dict[str, Any]:
    """Return what the forms of a strategy's next version begin with."""
    rule = rule_reading.decoded_rule(strategy.rule)
    terms = list(strategy.terms.values())
    plain = msgspec.structs.asdict(rule)
    asked = msgspec.structs.asdict(rule.conditions)
    hours = asked.pop("hours") or (None, None)
    begin: dict[str, Any] = {
        "strategy": {
            "title": strategy.title,
            "reason": strategy.reason,
            "trigger": strategy.trigger,
            "campaign": str(strategy.campaign_id),
            "budget": strategy.budget,
            "least_margin": strategy.least_margin,
            "holdout": Decimal(str(strategy.holdout)) if strategy.holdout else None,
            "allocation": strategy.allocation,
            "renews_days": strategy.renews_days,
        },
        "terms": [msgspec.structs.asdict(one) for one in terms],
        "scope": plain | {"scope": strategy.scope},
        "conditions": _said(asked) | {"since": hours[0], "until": hours[1]},
        "combination": plain,
        "limits": [msgspec.structs.asdict(one) for one in rule.limits],
    }
    if strategy.kind in PARTS:
        name = PARTS[strategy.kind][0]
        rows = getattr(terms[0], name)
        begin[name] = [_said(msgspec.structs.asdict(row)) for row in rows]
    return begin


def _said(part: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out noughts: they are what an empty field says."""
    return {name: value for name, value in part.items() if value or value is False}
