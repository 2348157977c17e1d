"""Replies on orders: which promotions they used, and what of it was taken back.

A customer's own orders alone: another's is answered as one that does not exist.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext

from analytics import events, glances, store
from promotions import rule_reading
from promotions.models import Code, HandOver, Redemption, Rollback
from promotions.replying import (
    MOST,
    Asking,
    Reply,
    Source,
    bullet,
    day,
    money,
    plain,
    sign_in,
    title,
)
from promotions.spelling import digest

REFUNDS = ("order_refunded", "order_cancelled")


def reply_refund(ask: Asking) -> Reply:
    """Say what was paid back, and what became of the promotions of those orders."""
    if not ask.shopper.keys:
        return sign_in("refund")
    back, refunds = list(_rollbacks(ask)), list(_refunds(ask))
    if not back and not refunds:
        return _none(ask)
    lines = [*map(_refunded, refunds), *map(_taken_back, back)]
    return Reply(
        kind="refund",
        lines=[bullet(one) for one in lines] if len(lines) > 1 else lines,
        facts={
            "refunds": [_refund_fact(one) for one in refunds],
            "rollbacks": [_rollback_fact(one) for one in back],
        },
        sources=[
            *(Source(kind="event", id=str(one.id)) for one, _ in refunds),
            *(Source(kind="rollback", id=str(one.pk)) for one in back),
        ],
        about=[str(one.redemption.strategy_id) for one in back],
    )


def _orders(ask: Asking) -> Sequence[str]:
    """Return the orders that are named: what looks like a code may be one."""
    return [*ask.named.orders, *ask.named.codes]


def own_orders(ask: Asking, names: Sequence[str]) -> set[str]:
    """Return which of these are orders of the customer's own, with a promotion."""
    if not ask.shopper.keys or not names:
        return set()
    # Of all the keys that are this person's: they may have ordered before signing in.
    mine = Redemption.objects.filter(customer__in=ask.shopper.keys)
    return set(mine.filter(order_id__in=names).values_list("order_id", flat=True))


def _named(ask: Asking, at: str = "") -> Q:
    """Redemptions of the orders or codes that are named, or all."""
    names = _orders(ask)
    if not names:
        return Q()
    # By digest, as the checkout: people write a code in many ways.
    found = Code.objects.filter(digest__in=[digest(one) for one in names])
    ids = list(found.values_list("id", flat=True))
    return Q(**{f"{at}order_id__in": names}) | Q(**{f"{at}code__in": ids})


def _none(ask: Asking) -> Reply:
    if names := _orders(ask):
        told = {"order": names[0]}
        text = gettext("I see no refund for an order %(order)s of yours.") % told
    else:
        text = gettext("I see no refund that was reported for you so far.")
    return Reply(
        kind="refund",
        lines=[text],
        facts={"refunds": [], "rollbacks": []},
        hand_over=HandOver.Reason.NO_FACTS,
    )


def _rollbacks(ask: Asking) -> Sequence[Rollback]:
    rows = Rollback.objects.filter(redemption__customer__in=ask.shopper.keys)
    rows = rows.filter(_named(ask, "redemption__"))
    rows = rows.select_related("redemption__strategy").order_by("-rolled_back_at", "id")
    return list(rows[:MOST])


Refund = tuple[store.Stored, events.OrderRefunded | events.OrderCancelled]


def _refunds(ask: Asking) -> Iterator[Refund]:
    # More than are told, since those of other orders are passed over here.
    for stored in glances.latest(ask.shopper.keys, REFUNDS, most=4 * MOST):
        event = stored.event
        if not isinstance(event, events.OrderRefunded | events.OrderCancelled):
            continue
        if not _orders(ask) or event.order_id in _orders(ask):
            yield stored, event


def _refunded(refund: Refund) -> str:
    stored, event = refund
    told = {"order": event.order_id, "day": day(stored.occurred_at)}
    if isinstance(event, events.OrderCancelled):
        return gettext("Order %(order)s was cancelled on %(day)s.") % told
    if event.amount is None and event.skus:
        # Its products were paid back; what that came to, the shop did not say.
        return gettext("Of order %(order)s, goods were paid back on %(day)s.") % told
    if event.amount is None:
        return gettext("Order %(order)s was paid back whole on %(day)s.") % told
    told["amount"] = money(event.amount, event.currency)
    return gettext("%(amount)s of order %(order)s was paid back on %(day)s.") % told


def _refund_fact(refund: Refund) -> dict[str, Any]:
    stored, event = refund
    amount = getattr(event, "amount", None)
    return {
        "order": event.order_id,
        "amount": None if amount is None else str(amount),
        "cancelled": isinstance(event, events.OrderCancelled),
        "at": stored.occurred_at.isoformat(),
    }


def _taken_back(row: Rollback) -> str:
    used = row.redemption
    told = {
        "amount": money(row.amount, used.strategy.currency),
        "order": used.order_id,
        "day": day(row.rolled_back_at),
        "title": _title(used),
    }
    # A part: the redemption as a whole still stands.
    if used.rolled_back_at is None:
        return (
            gettext(
                "%(amount)s of the discount “%(title)s” on order %(order)s was taken "
                "back on %(day)s, with the goods that you sent back."
            )
            % told
        )
    if rule_reading.decoded_rule(used.strategy.rule).gives_back == "all":
        return (
            gettext(
                "The discount “%(title)s” on order %(order)s (%(amount)s) was taken "
                "back on %(day)s, and its use does not count: while the promotion "
                "runs, you can use it again."
            )
            % told
        )
    return (
        gettext(
            "The discount “%(title)s” on order %(order)s (%(amount)s) was taken back "
            "on %(day)s; its use still counts."
        )
        % told
    )


def _rollback_fact(row: Rollback) -> dict[str, Any]:
    used = row.redemption
    return {
        "order": used.order_id,
        "amount": plain(row.amount, used.strategy.currency),
        "whole": used.rolled_back_at is not None,
        "title": _title(used),
        "at": row.rolled_back_at.isoformat(),
    }


def _title(used: Redemption) -> str:
    strategy = used.strategy
    terms = strategy.menu.get(used.variant)
    return title(terms, strategy.currency) if terms else strategy.called


def reply_used(ask: Asking) -> Reply:
    """Say which promotions the customer's orders used."""
    if not ask.shopper.keys:
        return sign_in("used")
    rows = Redemption.objects.filter(customer__in=ask.shopper.keys)
    rows = rows.filter(_named(ask)).select_related("strategy")
    rows = rows.order_by("-redeemed_at", "id")
    found = list(rows[:MOST])
    used = Code.objects.filter(pk__in=[one.code for one in found if one.code])
    codes: dict[Any, str] = dict(used.values_list("pk", "text"))
    lines = [_used(one, codes.get(one.code, "")) for one in found] or [_not_used(ask)]
    return Reply(
        kind="used",
        lines=[bullet(one) for one in lines] if len(lines) > 1 else lines,
        facts={"used": [_used_fact(one, codes.get(one.code, "")) for one in found]},
        sources=[Source(kind="redemption", id=str(one.pk)) for one in found],
        about=[str(one.strategy_id) for one in found],
    )


def _not_used(ask: Asking) -> str:
    if names := _orders(ask):
        told = {"order": names[0]}
        return gettext("I see no promotion on an order %(order)s of yours.") % told
    return gettext("I see no order of yours that used a promotion.")


def _used(row: Redemption, code: str) -> str:
    told = {
        "code": code,
        "order": row.order_id,
        "title": _title(row),
        "amount": money(row.discount, row.strategy.currency),
        "day": day(row.redeemed_at),
    }
    text = gettext("Order %(order)s of %(day)s used “%(title)s”: %(amount)s off.")
    if code:
        text = gettext(
            "Order %(order)s of %(day)s used “%(title)s” by code %(code)s: %(amount)s "
            "off."
        )
    if row.rolled_back_at:
        text += " " + gettext("It was taken back since.")
    elif row.returned:
        told["back"] = money(row.returned, row.strategy.currency)
        text += " " + gettext("Of that, %(back)s was taken back since.")
    return text % told


def _used_fact(row: Redemption, code: str) -> dict[str, Any]:
    return {
        "code": code or None,
        "order": row.order_id,
        "title": _title(row),
        "amount": plain(row.discount, row.strategy.currency),
        "returned": plain(row.returned, row.strategy.currency),
        "at": row.redeemed_at.isoformat(),
    }
