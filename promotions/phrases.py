"""A strategy in plain, complete sentences, and what changed between two. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from promotions.rules import Bundle, Conditions, Limit, Rule, Terms, words

DAYS = (
    *("Monday", "Tuesday", "Wednesday", "Thursday"),
    *("Friday", "Saturday", "Sunday"),
)
TRIGGERS = {
    "offer": "It is a personal offer, for the customers whom it is expected to move.",
    "automatic": "It applies by itself to every cart that qualifies, guests' too.",
    "code": "It applies only to carts where one of its codes is entered.",
}
MODES = {
    "stack": "all that qualify apply",
    "first": "only the first by priority applies",
    "best": "only the best for the customer applies",
    "worst": "only the worst for the customer applies",
}
GIVES_BACK = {
    "all": "After a return, the money and the use go back to budgets and limits.",
    "money": "After a return, the money goes back to budgets and limits, the use not.",
    "nothing": "After a return, nothing goes back to budgets and limits.",
}
BY_LOT = {
    "thompson": "Which one is drawn by lot, at odds that follow each day what each has "
    "earned.",
    "trial": "It is a test: which one is drawn by lot, and so is who gets any.",
}
PERIODS = {"ever": "", "day": " a day", "week": " a week", "month": " a month"}
MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a strategy is, as far as sentences go."""

    title: str
    menu: Mapping[str, Terms]
    rule: Rule
    scope: Sequence[str]
    trigger: str
    currency: str
    zone: str
    budget: Decimal
    least_margin: Decimal
    holdout: float
    allocation: str = "best"
    renews_days: int | None = None


def sentences(said: Said) -> list[str]:
    """Say all of a strategy, one sentence for each thing that an operator decides."""
    rule, currency = said.rule, said.currency
    return [
        *gives(said),
        TRIGGERS[said.trigger],
        about(said.scope, rule, said.menu),
        *conditions(rule.conditions, currency, said.zone),
        *combination(rule),
        *caps(rule, currency),
        *limits(rule.limits, currency),
        GIVES_BACK[rule.gives_back],
        f"Its budget is {_plain(said.budget)} {currency}, which is never passed.",
        f"No line is sold below a margin of {_share(said.least_margin)}.",
        *_held_back(said.holdout),
        *_renews(said.renews_days),
    ]


def _renews(days: int | None) -> list[str]:
    if days is None:
        return []
    again = "day" if days == 1 else f"{days} days"
    return [f"An offer can be used again {again} after a use."]


def changes(old: Said, new: Said) -> tuple[list[str], list[str]]:
    """Return the sentences that a new version drops, and those it adds."""
    before, after = sentences(old), sentences(new)
    titles = ([], []) if old.title == new.title else ([old.title], [new.title])
    return (
        [f"Its title is “{one}”." for one in titles[0]]
        + [one for one in before if one not in after],
        [f"Its title is “{one}”." for one in titles[1]]
        + [one for one in after if one not in before],
    )


def gives(said: Said) -> list[str]:
    """Say what one gets, and on what basis."""
    offers = [words(terms, said.currency) for terms in said.menu.values()]
    each = said.trigger == "offer" and len(offers) > 1
    if each:
        one = f"Each customer gets one of: {'; '.join(offers)}."
        return [one, BY_LOT[said.allocation]] if said.allocation in BY_LOT else [one]
    first = f"It gives: {offers[0]}."
    rest = [f"Of its menu, “{one}” is not used." for one in offers[1:]]
    return [first, *rest]


def about(scope: Sequence[str], rule: Rule, menu: Mapping[str, Terms]) -> str:
    """Say what goods a strategy is about."""
    named = [
        f"{name} {_some(names)}"
        for name, names in (
            ("the categories", scope),
            ("the products", rule.skus),
            ("the brands", rule.brands),
        )
        if names
    ]
    if slots := [s for t in menu.values() if isinstance(t, Bundle) for s in t.slots]:
        named = [
            f"{slot.quantity} of {_some([*slot.skus, *slot.categories])}"
            for slot in slots
        ]
    goods = " and ".join(named) or "all goods"
    but = f", except {_some(rule.excluded_skus)}" if rule.excluded_skus else ""
    return f"It is about {goods}{but}."


def conditions(asked: Conditions, currency: str, zone: str) -> Iterator[str]:
    """Say what must hold."""
    if asked.segments:
        yield f"Only customers of the segments {_some(asked.segments)} get it."
    if asked.first_order:
        yield "Only a known customer's first order gets it."
    wanted = {
        "products": asked.skus,
        "categories": asked.categories,
        "brands": asked.brands,
    }
    for name, names in wanted.items():
        if names:
            yield f"The cart must hold one of the {name} {_some(names)}."
    if asked.channels:
        yield f"It is only for the channels {_some(asked.channels)}."
    yield from _least(asked, currency)
    if asked.weekdays:
        days = ", ".join(DAYS[day - 1] for day in sorted(asked.weekdays))
        yield f"It is only on {days}, in the zone {zone}."
    if asked.hours:
        since, until = asked.hours
        yield f"It is only from {since}:00 up to {until}:00, in the zone {zone}."


def combination(rule: Rule) -> Iterator[str]:
    """Say how it goes with others."""
    if rule.exclusive:
        yield "It stands alone: nothing else applies to the same order."
    elif rule.shares_lines:
        yield "It may discount a line together with others that allow it too."
    else:
        yield "It does not discount a line that another strategy discounts."
    if rule.basis == "discounted":
        yield "Rates are taken on what earlier strategies have left of the price."
    if rule.priority:
        yield f"Its priority is {rule.priority}; lower numbers go first."
    if rule.group:
        yield f"Of the group “{rule.group}”, {MODES[rule.mode]}."


def caps(rule: Rule, currency: str) -> Iterator[str]:
    """Say what it gives at most."""
    if rule.most_per_line is not None:
        yield f"It gives at most {_plain(rule.most_per_line)} {currency} on a line."
    if rule.most_per_order is not None:
        yield f"It gives at most {_plain(rule.most_per_order)} {currency} on an order."


def limits(some: Sequence[Limit], currency: str) -> Iterator[str]:
    """Say how often, and how much."""
    for limit in some:
        who = {"strategy": "", "customer": "each customer ", "code": "each code "}
        most = _plain(limit.most)
        what = f"{most} {currency}" if limit.of == "money" else _uses(most)
        subject = (who[limit.per] or "all customers together ").capitalize()
        yield f"{subject}can have {what}{PERIODS[limit.period]} at most."


def _held_back(holdout: float) -> list[str]:
    if not holdout:
        return []
    return [f"{holdout:.0%} of its customers get no offer, to measure what it earns."]


def _least(asked: Conditions, currency: str) -> Iterator[str]:
    least = []
    if asked.least_amount:
        least.append(f"{_plain(asked.least_amount)} {currency}")
    if asked.least_quantity:
        least.append(f"{asked.least_quantity} units")
    if least:
        of = "the goods in scope" if asked.of == "scope" else "the whole basket"
        basis = "before discounts" if asked.basis == "initial" else "after discounts"
        verb = "comes" if asked.of == "basket" else "come"
        yield f"{of.capitalize()} {verb} to at least {' and '.join(least)}, {basis}."


def _uses(most: str) -> str:
    return "1 use" if most == "1" else f"{most} uses"


def _some(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return f"{listed} and {more:,} more" if more > 0 else listed


def _plain(amount: Decimal) -> str:
    if amount == amount.to_integral_value():
        return f"{amount:,.0f}"
    short = round(amount, 2) == amount
    return f"{amount:,.2f}" if short else f"{amount.normalize():,f}"


def _share(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"
