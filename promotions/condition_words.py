"""What must hold for a strategy to apply, in plain words. Pure.

Amounts and names are written here as in all sentences about a strategy.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from analytics.wording import AND, LISTED, Wording, joined
from promotions.rules import Conditions
from promotions.term_words import priced

DAYS = (
    Wording("Monday"),
    Wording("Tuesday"),
    Wording("Wednesday"),
    Wording("Thursday"),
    Wording("Friday"),
    Wording("Saturday"),
    Wording("Sunday"),
)
LEAST = {
    ("scope", "initial"): Wording(
        "The goods in scope come to at least %(least)s, before discounts."
    ),
    ("scope", "discounted"): Wording(
        "The goods in scope come to at least %(least)s, after discounts."
    ),
    ("basket", "initial"): Wording(
        "The whole basket comes to at least %(least)s, before discounts."
    ),
    ("basket", "discounted"): Wording(
        "The whole basket comes to at least %(least)s, after discounts."
    ),
}
MOST_NAMED = 5


def conditions(asked: Conditions, currency: str, zone: str) -> Iterator[str]:
    """Say what must hold."""
    if asked.segments:
        yield Wording(
            "Only customers of the segments %(names)s get it.",
            names=some(asked.segments),
        )
    if asked.first_order:
        yield Wording("Only a known customer's first order gets it.")
    for pattern, names in (
        (Wording("The cart must hold one of the products %(names)s."), asked.skus),
        (
            Wording("The cart must hold one of the categories %(names)s."),
            asked.categories,
        ),
        (Wording("The cart must hold one of the brands %(names)s."), asked.brands),
        (Wording("It is only for the channels %(names)s."), asked.channels),
    ):
        if names:
            yield Wording(pattern, names=some(names))
    yield from _least(asked, currency)
    if asked.weekdays:
        # Monday is 1, as ISO 8601 counts.
        days = joined(LISTED, [DAYS[day - 1] for day in sorted(asked.weekdays)])
        yield Wording(
            "It is only on %(days)s, in the zone %(zone)s.", days=days, zone=zone
        )
    if asked.hours:
        since, until = asked.hours
        yield Wording(
            "It is only from %(since)s:00 up to %(until)s:00, in the zone %(zone)s.",
            since=since,
            until=until,
            zone=zone,
        )


def _least(asked: Conditions, currency: str) -> Iterator[str]:
    least: list[str] = []
    if asked.least_amount:
        least.append(priced(plain(asked.least_amount), currency))
    if asked.least_quantity:
        least.append(Wording("%(number)s units", number=asked.least_quantity))
    if least:
        yield Wording(LEAST[asked.of, asked.basis], least=joined(AND, least))


def some(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    if more <= 0:
        return listed
    return Wording("%(listed)s and %(more)s more", listed=listed, more=f"{more:,}")


def plain(amount: Decimal) -> str:
    if amount == amount.to_integral_value():
        return f"{amount:,.0f}"
    short = round(amount, 2) == amount
    return f"{amount:,.2f}" if short else f"{amount.normalize():,f}"
