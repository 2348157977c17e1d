"""A strategy in plain, complete sentences, and what changed between two. Pure.

They are wordings: English, which the back office can say in another language. A
sentence is one pattern as a whole, since words have another order elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.wording import AND, APART, Wording, joined
from promotions.condition_words import conditions, plain, some
from promotions.rules import Bundle, Limit, Rule, Terms
from promotions.term_words import priced, words

TRIGGERS = {
    "offer": Wording(
        "It is a personal offer, for the customers whom it is expected to move."
    ),
    "automatic": Wording(
        "It applies by itself to every cart that qualifies, guests' too."
    ),
    "code": Wording("It applies only to carts where one of its codes is entered."),
    "shelf": Wording(
        "It changes prices for everybody: nobody is held back, no offers are made."
    ),
}
MODES = {
    "stack": Wording("all that qualify apply"),
    "first": Wording("only the first by priority applies"),
    "best": Wording("only the best for the customer applies"),
    "worst": Wording("only the worst for the customer applies"),
}
GIVES_BACK = {
    "all": Wording(
        "After a return, the money and the use go back to budgets and limits."
    ),
    "money": Wording(
        "After a return, the money goes back to budgets and limits, the use not."
    ),
    "nothing": Wording("After a return, nothing goes back to budgets and limits."),
}
BY_LOT = {
    "thompson": Wording(
        "Which one is drawn by lot, at odds that follow each day what each has earned."
    ),
    "trial": Wording(
        "It is a test: which one is drawn by lot, and so is who gets any."
    ),
}
LIMITS = {
    "strategy": Wording("All customers together can have %(what)s%(period)s at most."),
    "customer": Wording("Each customer can have %(what)s%(period)s at most."),
    "code": Wording("Each code can have %(what)s%(period)s at most."),
}
PERIODS = {
    "ever": Wording(""),
    "day": Wording(" a day"),
    "week": Wording(" a week"),
    "month": Wording(" a month"),
}


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
    if said.trigger == "shelf":
        return [TRIGGERS[said.trigger]]
    return [
        *gives(said),
        TRIGGERS[said.trigger],
        about(said.scope, rule, said.menu),
        *conditions(rule.conditions, currency, said.zone),
        *combination(rule),
        *caps(rule, currency),
        *limits(rule.limits, currency),
        GIVES_BACK[rule.gives_back],
        Wording(
            "Its budget is %(budget)s %(currency)s, which is never passed.",
            budget=plain(said.budget),
            currency=currency,
        ),
        Wording(
            "No line is sold below a margin of %(margin)s.",
            margin=_share(said.least_margin),
        ),
        *_held_back(said.holdout),
        *_renews(said.renews_days),
    ]


def _renews(days: int | None) -> list[str]:
    if days is None:
        return []
    if days == 1:
        return [Wording("An offer can be used again a day after a use.")]
    return [Wording("An offer can be used again %(days)s days after a use.", days=days)]


def changes(old: Said, new: Said) -> tuple[list[str], list[str]]:
    """Return the sentences that a new version drops, and those it adds."""
    before, after = sentences(old), sentences(new)
    titles = ([], []) if old.title == new.title else ([old.title], [new.title])
    return (
        [Wording("Its title is “%(title)s”.", title=one) for one in titles[0]]
        + [one for one in before if one not in after],
        [Wording("Its title is “%(title)s”.", title=one) for one in titles[1]]
        + [one for one in after if one not in before],
    )


def gives(said: Said) -> list[str]:
    """Say what one gets, and on what basis."""
    offers = [words(terms, said.currency) for terms in said.menu.values()]
    each = said.trigger == "offer" and len(offers) > 1
    if each:
        one = Wording(
            "Each customer gets one of: %(offers)s.", offers=joined(APART, offers)
        )
        return [one, BY_LOT[said.allocation]] if said.allocation in BY_LOT else [one]
    first = Wording("It gives: %(offer)s.", offer=offers[0])
    rest = [
        Wording("Of its menu, “%(offer)s” is not used.", offer=one)
        for one in offers[1:]
    ]
    return [first, *rest]


def about(scope: Sequence[str], rule: Rule, menu: Mapping[str, Terms]) -> str:
    """Say what goods a strategy is about."""
    named: list[str] = [
        Wording(pattern, names=some(names))
        for pattern, names in (
            (Wording("the categories %(names)s"), scope),
            (Wording("the products %(names)s"), rule.skus),
            (Wording("the brands %(names)s"), rule.brands),
        )
        if names
    ]
    if slots := [s for t in menu.values() if isinstance(t, Bundle) for s in t.slots]:
        named = [
            Wording(
                "%(quantity)s of %(names)s",
                quantity=slot.quantity,
                names=some([*slot.skus, *slot.categories]),
            )
            for slot in slots
        ]
    goods = joined(AND, named) if named else Wording("all goods")
    if rule.excluded_skus:
        return Wording(
            "It is about %(goods)s, except %(others)s.",
            goods=goods,
            others=some(rule.excluded_skus),
        )
    return Wording("It is about %(goods)s.", goods=goods)


def combination(rule: Rule) -> Iterator[str]:
    """Say how it goes with others."""
    if rule.exclusive:
        yield Wording("It stands alone: nothing else applies to the same order.")
    elif rule.shares_lines:
        yield Wording("It may discount a line together with others that allow it too.")
    else:
        yield Wording("It does not discount a line that another strategy discounts.")
    if rule.basis == "discounted":
        yield Wording(
            "Rates are taken on what earlier strategies have left of the price."
        )
    if rule.priority:
        yield Wording(
            "Its priority is %(number)s; lower numbers go first.", number=rule.priority
        )
    if rule.group:
        yield Wording(
            "Of the group “%(group)s”, %(mode)s.",
            group=rule.group,
            mode=MODES[rule.mode],
        )


def caps(rule: Rule, currency: str) -> Iterator[str]:
    """Say what it gives at most."""
    if rule.most_per_line is not None:
        yield Wording(
            "It gives at most %(amount)s %(currency)s on a line.",
            amount=plain(rule.most_per_line),
            currency=currency,
        )
    if rule.most_per_order is not None:
        yield Wording(
            "It gives at most %(amount)s %(currency)s on an order.",
            amount=plain(rule.most_per_order),
            currency=currency,
        )


def limits(some: Sequence[Limit], currency: str) -> Iterator[str]:
    """Say how often, and how much."""
    for limit in some:
        most = plain(limit.most)
        what = priced(most, currency) if limit.of == "money" else _uses(most)
        yield Wording(LIMITS[limit.per], what=what, period=PERIODS[limit.period])


def _held_back(holdout: float) -> list[str]:
    if not holdout:
        return []
    return [
        Wording(
            "%(share)s of its customers get no offer, to measure what it earns.",
            share=f"{holdout:.0%}",
        )
    ]


def _uses(most: str) -> str:
    return Wording("1 use") if most == "1" else Wording("%(number)s uses", number=most)


def _share(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"
