"""May these prices be: what stands between a proposal and its approval.

They are looked at again at the moment of approval, with the products locked.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from analytics.wording import Wording
from catalog import competitors, history, pricing
from catalog.models import Product
from catalog.rulebook import Rulebook
from promotions import price_families
from promotions.guards import Guard
from promotions.models import PriceLine, Strategy
from promotions.price_floors import clears, lowest

State = PriceLine.State
FIELDS = (
    *("sku", "category", "currency", "price", "listed_price", "cost"),
    *("family", "size"),
)
Lines = Sequence[PriceLine]


def standing(
    strategy: Strategy, replaced: Collection[UUID], *, at: datetime
) -> list[Guard]:
    """Return the guards of a price change as they are at this very moment."""
    open_ = [State.PROPOSED, State.PLANNED, State.RUNNING]
    rows = strategy.price_lines.filter(state__in=open_)
    lines = list(rows.order_by("sku", "starts_at"))
    return of(strategy, lines, replaced, at=at)


def of(
    strategy: Strategy, lines: Lines, replaced: Collection[UUID], *, at: datetime
) -> list[Guard]:
    """Return the guards of these lines, sorted by product and start."""
    skus = {line.sku for line in lines}
    products = Product.objects.only(*FIELDS).in_bulk(list(skus))
    book = Rulebook()
    return [
        _scope(lines, products),
        _floor(lines, products, book),
        _reference(lines, products, at),
        _step(lines, products, book),
        _ceiling(lines, products, book, at),
        _often(strategy, lines, products, book, at),
        _families(lines, products, book),
        _alone(strategy, lines, replaced),
        *([_double(strategy)] if any(map(clears, lines)) else []),
    ]


def _first(lines: Lines, products: Mapping[str, Product]) -> list[PriceLine]:
    """Return each product's first step, but of what must go."""
    # Sorted by start: backwards, each product's first step is the last one written.
    first = {line.sku: line for line in reversed(lines)}
    return [line for sku, line in first.items() if sku in products and not clears(line)]


def _told(name: Wording, wrong: Iterable[str], good: Wording, bad: Wording) -> Guard:
    """Name a few of those that break a rule."""
    which = list(dict.fromkeys(wrong))
    said = Wording(
        "%(rule)s: %(number)s products, as %(named)s",
        rule=bad,
        number=f"{len(which):,}",
        named=", ".join(which[:3]),
    )
    return Guard(name=name, passed=not which, detail=said if which else good)


def _scope(lines: Lines, products: Mapping[str, Product]) -> Guard:
    gone = [
        line.sku
        for line in lines
        if line.sku not in products or products[line.sku].price is None
    ]
    return _told(
        Wording("scope"),
        gone,
        Wording("%(number)s products are on sale", number=f"{len(products):,}"),
        Wording("they are not on sale"),
    )


def _floor(lines: Lines, products: Mapping[str, Product], book: Rulebook) -> Guard:
    low = [
        line.sku
        for line in lines
        if (found := products.get(line.sku)) and line.price < lowest(line, found, book)
    ]
    return _told(
        Wording("margin floor"),
        low,
        _kept_margin(lines, products),
        Wording("the price leaves less than the least margin"),
    )


def _kept_margin(lines: Lines, products: Mapping[str, Product]) -> Wording:
    """Say that the rule is kept, or how many prices of what expires it lets go."""
    cheap = [
        line.sku
        for line in lines
        if line.expects.get("expires")
        and (found := products.get(line.sku))
        and line.price
        < pricing.unit_cost(line.was, found.cost, settings.ASSUMED_MARGIN)
    ]
    if not cheap:
        return Wording("every price keeps the least margin of its category")
    return Wording(
        "what expires may be sold below its cost: %(number)s of %(all)s prices are",
        number=f"{len(cheap):,}",
        all=f"{len(lines):,}",
    )


def _reference(lines: Lines, products: Mapping[str, Product], at: datetime) -> Guard:
    """Whether what is cheaper can be shown as reduced: a word, not a bar."""
    cheaper = {line.sku: line for line in reversed(lines) if line.price < line.was}
    least = history.references(list(cheaper), at=at)
    sham = [
        sku
        for sku, line in cheaper.items()
        if (found := products.get(sku))
        and line.price >= least.get((sku, found.currency), line.was)
    ]
    return Guard(
        name=Wording("reference price"),
        passed=True,
        detail=Wording(
            "%(number)s of %(all)s cheaper products would not be shown as reduced: "
            "they cost as little within the last 30 days",
            number=f"{len(sham):,}",
            all=f"{len(cheaper):,}",
        ),
    )


def _step(lines: Lines, products: Mapping[str, Product], book: Rulebook) -> Guard:
    """Whether no first step goes further than its category's rule lets it."""
    far = []
    for line in _first(lines, products):
        rules = book.of(products[line.sku].category)
        if not _near(line, rules.most_down, up=rules.most_up):
            far.append(line.sku)
    return _told(
        Wording("largest step"),
        far,
        Wording("the rule does not hold for what must go")
        if all(map(clears, lines))
        else Wording("no price moves further at once than its category's rule lets it"),
        Wording("the price moves too far at once"),
    )


def _near(line: PriceLine, down: Decimal, *, up: Decimal) -> bool:
    return line.was * (1 - down) <= line.price <= line.was * (1 + up)


def _ceiling(
    lines: Lines, products: Mapping[str, Product], book: Rulebook, at: datetime
) -> Guard:
    """Whether what gets dearer stays below what the shop lists, and competitors."""
    dearer = [line for line in _first(lines, products) if line.price > line.was]
    rules = {line.sku: book.of(products[line.sku].category) for line in dearer}
    bound = [sku for sku, one in rules.items() if one.above_competitors is not None]
    theirs = competitors.bounds(bound, at) if bound else {}
    high = []
    for line in dearer:
        rule, listed = rules[line.sku], products[line.sku].listed_price or line.was
        most = [listed * (1 + rule.most_above)]
        if rule.above_competitors is not None and theirs.get(line.sku):
            cheapest = min(row.price for row in theirs[line.sku])
            most.append(cheapest * (1 + rule.above_competitors))
        if line.price > min(most):
            high.append(line.sku)
    return _told(
        Wording("ceiling"),
        high,
        Wording("no price rises above what its category's rule allows"),
        Wording("the price is too far above the shop's list, or above competitors"),
    )


def _often(
    strategy: Strategy,
    lines: Lines,
    products: Mapping[str, Product],
    book: Rulebook,
    at: datetime,
) -> Guard:
    """Whether prices rest between two changes; one that is resumed may go on."""
    moves = [
        line
        for line in _first(lines, products)
        # A version that keeps a price in force changes nothing.
        if line.price != products[line.sku].price
        and strategy.state != Strategy.State.PAUSED
    ]
    last = history.last_changes([line.sku for line in moves])
    late = []
    for line in moves:
        days = timedelta(days=book.of(products[line.sku].category).least_days)
        # A start that has passed means at once.
        if line.sku in last and last[line.sku] > max(line.starts_at, at) - days:
            late.append(line.sku)
    return _told(
        Wording("days between changes"),
        late,
        Wording("no price changes sooner than its category's rule lets it"),
        Wording("the price has changed too lately"),
    )


def _families(lines: Lines, products: Mapping[str, Product], book: Rulebook) -> Guard:
    moves = [line for line in _first(lines, products) if products[line.sku].family]
    return _told(
        Wording("families"),
        price_families.out_of_order({line.sku: line.price for line in moves}, book),
        Wording("bigger packs cost no less, and no more by unit; colours cost alike"),
        Wording("their families would be out of order"),
    )


def _double(strategy: Strategy) -> Guard:
    """Name what else discounts goods that must go: at the till their floors stop it."""
    live = Strategy.objects.filter(state=Strategy.State.LIVE).exclude(kind="prices")
    # An empty scope is all goods.
    others = [
        one
        for one in live.only("scope")
        if not one.scope or {*one.scope} & {*strategy.scope}
    ]
    return Guard(
        name=Wording("double discount"),
        passed=True,
        detail=Wording(
            "%(number)s live strategies discount these goods too; none sells a line "
            "below its own least margin, so none discounts what is marked down to it",
            number=f"{len(others):,}",
        ),
    )


def _alone(strategy: Strategy, lines: Lines, replaced: Collection[UUID]) -> Guard:
    """Whether no other approved strategy sets one of these prices meanwhile."""
    theirs = PriceLine.objects.filter(
        state__in=[State.PLANNED, State.RUNNING], sku__in=[line.sku for line in lines]
    ).exclude(Q(strategy=strategy) | Q(strategy__in=replaced))
    others: dict[str, list[PriceLine]] = {}
    for one in theirs:
        others.setdefault(one.sku, []).append(one)
    clash = [
        line.sku
        for line in lines
        if any(_overlap(line, one) for one in others.get(line.sku, []))
    ]
    return _told(
        Wording("one price at a time"),
        clash,
        Wording("no other approved price change sets one of these prices"),
        Wording("another approved price change sets the price"),
    )


def _overlap(one: PriceLine, other: PriceLine) -> bool:
    before = one.ends_at is not None and one.ends_at <= other.starts_at
    after = other.ends_at is not None and other.ends_at <= one.starts_at
    return not before and not after
