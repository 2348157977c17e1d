"""A simulated shop, week by week, as an ordinary client of the API in demo mode.

Each day's visitors read their offers, see them, buy what the world says, redeem and are
reported; at the week's end the clock goes to Monday morning, the platform does what its
schedule says, and a stated rule decides on its proposals. What was earned is counted in
the world, which knows every cost. The journal is written before and after each day's
shopping, and all ids come from week and customer: a run that was killed goes on where
it stopped, and what was sent is sent again as it was.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import erf, sqrt
from typing import Any

import numpy as np

from demo import history, till
from demo.clients import Client, Refused
from demo.history import Event, money, sku
from demo.journal import Journal, Shown
from demo.offers import Offers
from demo.populations import CATEGORIES, PRODUCTS, Ints
from demo.till import Till, Visit
from demo.worlds import World

BEGIN = datetime(2030, 1, 7, tzinfo=UTC)
"""A Monday, the same for every world, and later than any real clock."""
WEEK = timedelta(weeks=1)
MORNING, EVENING = timedelta(hours=6), timedelta(hours=20)
BATCH = 2500
BEFORE = timedelta(hours=4)
AFTER = timedelta(days=28)
"""What was only bought sooner is missing in the weeks after; then results are final."""
Z80 = 1.2816
TRAINING, SCORING = "ml.tasks.nightly", "ml.tasks.score"
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which proposals are approved; the others are rejected."""

    margin: float = 0.0
    # Not 0.8: what was only observed is doubted too much to reach it, so no lot would
    # ever be drawn, and the doubt would stay.
    chance: float = 0.5

    def __str__(self) -> str:
        return (
            f"margin > {self.margin:g} and P(gain) >= {self.chance:g}, "
            "or a test worth more than its price"
        )

    def holds(self, forecast: Mapping[str, Any]) -> bool:
        """Judge a forecast by its 80 % interval, taken as normal."""
        if test := forecast.get("trial"):
            return bool(test["worth"] > test["price"])
        margin = float(forecast["margin"])
        # Half of an 80 % interval is 1.2816 standard deviations.
        deviation = (float(forecast["high"]) - float(forecast["low"])) / 2 / Z80
        return margin > self.margin and gain(margin, deviation) >= self.chance


def gain(mean: float, deviation: float) -> float:
    """Return P(more than nothing)."""
    if deviation <= 0:
        return float(mean > 0)
    return 0.5 * (1 + erf(mean / deviation / sqrt(2)))


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A strategy whose time is over: what was forecast of it, and what came.

    `margin`, from `low` to `high` (80 %), and its `truth`, by the world, are of all it
    reached; `measured`, by the platform from its holdout once that is final, and what
    it was to show (`shows`, 80 %) are of one customer. None: nothing was.
    """

    title: str
    reach: int
    margin: float
    low: float
    high: float
    truth: float
    shows: tuple[float, float] | None
    measured: float | None


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A world, played by way of a platform. `retrain`: in every so many weeks."""

    world: World
    client: Client
    journal: Journal
    rule: Rule = Rule()
    retrain: int = 1
    skip: Sequence[str] = ()
    progress: Progress = print

    @property
    def _till(self) -> Till:
        return Till(world=self.world, client=self.client)

    def run(self, weeks: int) -> Journal:
        """Import the past, then play until so many weeks are over."""
        self.journal.keep()
        self._settled()
        if not (self.journal.week or self.journal.day):
            self._begin()
        while self.journal.week < weeks:
            self._week(self.journal.week)
        return self.journal

    def _begin(self) -> None:
        """Before the first Monday: the goods, the past, and the first training."""
        if self._now() < BEGIN:
            # Listed before the past begins: an order's goods cost what the feed had
            # told by then.
            past = BEGIN - history.WEEKS * WEEK
            for at in (past, BEGIN - BEFORE):
                # The clock goes forward only: a run that was killed may be past it.
                self._move(max(self._now(), at), runs="none")
                self._restock()
            self.progress("importing the past")
            self._report(history.events(self.world, BEGIN))
        self._to_monday(0)

    def _week(self, week: int) -> None:
        monday = BEGIN + week * WEEK
        if self.journal.day == 0:
            self._restock()
        while self.journal.day < 7:
            self._day(week, monday, self.journal.day)
        self._close(week)

    def _day(self, week: int, monday: datetime, day: int) -> None:
        journal, world = self.journal, self.world
        evening = monday + timedelta(days=day) + EVENING
        if self._now() < evening:
            self._move(evening, runs="none")
        rows = world.visitors(week, day)
        if journal.shown is None:
            # Kept before the day is played: read anew after a kill they might be
            # others.
            journal.shown = {row: self._till.offers(row) for row in rows.tolist()}
            journal.keep()
        # A kill before `keep` must leave the morning's stock.
        stock = journal.stock.copy()
        offers = self._till.laid_out(journal.shown)
        baskets = world.shop(rows, offers, week, journal.state, stock)
        bill = self._till.redeemed(baskets, week)
        visit = Visit(shown=journal.shown, baskets=baskets, bill=bill)
        self._report(till.events(world, visit, week=week, day=day, monday=monday))
        self._credit(rows, offers, week, journal.shown)
        discount = bill.off + bill.gifts
        journal.today[rows] = world.profit(baskets, discount)
        journal.promoted[rows] = discount > 0
        journal.spent += float(discount[~baskets.returned].sum())
        journal.stock, journal.shown, journal.day = stock, None, day + 1
        journal.keep()

    def _credit(self, rows: Ints, offers: Offers, week: int, shown: Shown) -> None:
        """Say what each strategy brings today, over all the others, as it truly is."""
        world, truth = self.world.of(rows), self.journal.truth
        state = self.journal.state[rows]
        some = {one["strategy"] for offered in shown.values() for one in offered}

        def brought(shown: Offers) -> float:
            profit = world.expected_profit(shown.of(rows), week, state)
            # It is weighed by the chance of a visit, and these have come.
            return float((profit / world.people.visits).sum())

        whole = brought(offers) if some else 0.0
        for strategy in sorted(some):
            rest = self._till.laid_out(shown, without=strategy)
            more = whole - brought(rest)
            truth[strategy] = truth.get(strategy, 0.0) + more

    def promises(self) -> list[Promise]:
        """Compare what strategies promised that ran their time with what is true."""
        told = [one for state in ("live", "ended") for one in self._strategies(state)]
        now = self._now()
        return [
            _promise(one, self.journal.truth.get(one["id"], 0.0), now)
            for one in told
            if _ended(one, now)
        ]

    def _strategies(self, state: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while cursor is not None:
            page = f"strategies?state={state}&limit=100{cursor}"
            told = self.client.call("GET", page)
            yield from told["strategies"]
            cursor = told["next"] and f"&cursor={told['next']}"

    def _close(self, week: int) -> None:
        """Let Monday's tasks run, decide on the proposals, and turn the page."""
        journal, world = self.journal, self.world
        self._to_monday(week + 1)
        journal.state = world.after(journal.state, journal.promoted)
        journal.profit.append(journal.today)
        journal.discount.append(journal.spent)
        journal.today = np.zeros(world.customers)
        journal.promoted = np.zeros(journal.state.shape, bool)
        journal.stock, journal.spent, journal.day = world.goods.stock.copy(), 0.0, 0
        journal.keep()
        self.progress(
            f"week {week + 1}: profit {journal.profit[-1].sum():,.0f}, "
            f"discounts {journal.discount[-1]:,.0f}"
        )

    def _to_monday(self, week: int) -> None:
        morning = BEGIN + week * WEEK + MORNING
        if self._now() < morning:
            instead: dict[str, str | None] = dict.fromkeys(self.skip)
            if week % self.retrain:
                instead[TRAINING] = SCORING
            self._move(morning, runs="once", instead=instead)
        self._settled()
        self._decide()
        self._settled()

    def _settled(self) -> None:
        for one in self.client.settle()["failed"]:
            self.progress(f"{one['at']} {one['task']} failed: {one['error']}")

    def _decide(self) -> None:
        """Approve or reject, by the rule, what waits and could be approved."""
        # All pages first: whoever is decided on leaves the list that is paged.
        for proposal in list(self._strategies("proposed")):
            safe = all(guard["passed"] for guard in proposal["guards"])
            wanted = safe and self.rule.holds(proposal["forecast"])
            said = {"comment": f"By rule: {self.rule}"}
            path = f"strategies/{proposal['id']}"
            try:
                word = "approval" if wanted else "rejection"
                self.client.call("POST", f"{path}/{word}", said)
            except Refused:  # a guard of the moment, such as the stock, does not hold
                self.client.call("POST", f"{path}/rejection", said)

    def _now(self) -> datetime:
        return datetime.fromisoformat(self.client.call("GET", "clock")["now"])

    def _move(self, to: datetime, **how: Any) -> None:
        self.client.settle()  # a spent budget, say, has offers computed anew
        self.client.call("PUT", "clock", {"now": to.isoformat(), **how})

    def _restock(self) -> None:
        goods = self.world.goods
        listed = [
            {
                "sku": sku(category, product),
                "name": f"{goods.names[category]} {product}",
                "category": goods.names[category],
                "currency": "USD",
                "price": money(goods.price[category, product]),
                "cost": money(goods.cost[category, product]),
                "stock": int(goods.stock[category, product]),
            }
            for category in range(CATEGORIES)
            for product in range(PRODUCTS)
        ]
        self.client.call("PUT", "products", {"products": listed})

    def _report(self, some: Iterable[Event]) -> None:
        rest = iter(some)
        while batch := list(islice(rest, BATCH)):
            answer = self.client.call("POST", "events", {"events": batch})
            if answer["rejected"]:
                bad = next(r for r in answer["results"] if r["status"] == "rejected")
                raise ValueError(f"an event of ours was refused: {bad}")


def _ended(told: Mapping[str, Any], now: datetime) -> bool:
    lasts = timedelta(days=float(told["forecast"].get("days", 28)))
    return datetime.fromisoformat(told["decided_at"]) + lasts <= now


def _promise(told: Mapping[str, Any], truth: float, now: datetime) -> Promise:
    forecast, measured = told["forecast"], told["measured"]
    final = measured and _ended(told, now - AFTER)
    return Promise(
        title=told["title"],
        truth=truth,
        shows=tuple(forecast["shows"]) if "shows" in forecast else None,
        measured=measured["effects"]["profit"]["value"] if final else None,
        **{name: forecast[name] for name in ("reach", "margin", "low", "high")},
    )
