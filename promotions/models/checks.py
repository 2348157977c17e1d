"""What may be in rows of several tables, for forms and for the database alike."""

import zoneinfo
from collections.abc import Callable
from typing import TypeVar

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import F, Q

from promotions import rule_faults, rule_reading

Decoded = TypeVar("Decoded")
WITHIN_BUDGET = Q(spent__gte=0, reserved__gte=0, budget__gte=F("spent") + F("reserved"))
"""Of a campaign, and of each of its strategies."""


def check_menu(menu: object) -> None:
    """Refuse a menu that is not {label: terms}: an invalid rule cannot be saved."""
    terms = decoded(rule_reading.decoded_menu, menu)
    if len({type(rule) for rule in terms.values()}) > 1:
        raise ValidationError("A menu's variants are all of one kind.")
    for label, rule in terms.items():
        if reason := rule_faults.fault(rule):
            raise ValidationError(f"{label}: {reason}")


def check_rule(rule: object) -> None:
    """Refuse a rule that is of another shape, or makes no sense."""
    if reason := rule_faults.rule_fault(decoded(rule_reading.decoded_rule, rule)):
        raise ValidationError(reason)


def check_limits(limits: object) -> None:
    """Refuse limits that are of another shape, or make no sense."""
    if reason := rule_faults.limits_fault(decoded(rule_reading.decoded_limits, limits)):
        raise ValidationError(reason)


def check_zone(name: str) -> None:
    """Refuse a time zone that nobody has heard of."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"There is no time zone “{name}”.")


def decoded(decode: Callable[[object], Decoded], given: object) -> Decoded:
    try:
        return decode(given)
    except msgspec.ValidationError as error:
        raise ValidationError(str(error)) from error
