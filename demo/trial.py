"""What a simulated shop earned, beside what simple rules and an oracle would have.

The peers play in the world with the same luck, so differences are paired by customer.
"The same budget" is, week for week, what the platform gave in discounts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from demo import policies
from demo.journal import Journal
from demo.policies import Played, Policy
from demo.simulation import Promise
from demo.worlds import World

PEERS: Mapping[str, Policy] = {
    "no promotions": policies.nothing,
    "10 % off for all": policies.everybody,
    "propensity ranking, same budget": policies.propensity,
    "random, same budget": policies.lottery,
    "oracle, same budget": policies.frugal_oracle,
    "oracle": policies.oracle,
}
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, kw_only=True)
class Earned:
    """One policy: profit and discounts, of the warm-up and after it, in money.

    `more` is profit after the warm-up over that without promotions, with its 95 %
    interval over customers; `ahead` the same in all, summed up week by week.
    """

    warm_up: float
    profit: float
    discount: float
    more: float
    low: float
    high: float
    ahead: list[float]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A world's outcome: `earned` by policy, the platform among them."""

    world: int
    weeks: int
    warm_up: int
    earned: dict[str, Earned]
    promises: list[Promise]

    def share(self, name: str, of: str) -> float:
        """Return a policy's profit after the warm-up, as a share of another's."""
        return self.earned[name].profit / self.earned[of].profit

    @property
    def gain_share(self) -> float:
        """Return the platform's gain over no promotions, as a share of the oracle's."""
        return self.earned["Proffer"].more / self.earned["oracle"].more


def judged(
    world: World, journal: Journal, promises: Sequence[Promise] = (), *, warm_up: int
) -> Trial:
    """Play the peers, and compare."""
    budgets = journal.discount
    # A week at least is judged, of a short run too.
    warm_up = min(warm_up, len(budgets) - 1)
    mine = Played(profit=np.array(journal.profit), discount=np.array(budgets))
    # Week for week what the platform gave: "the same budget" is that.
    played = {name: policies.play(world, peer, budgets) for name, peer in PEERS.items()}
    base = played["no promotions"]
    return Trial(
        world=world.seed,
        weeks=len(budgets),
        warm_up=warm_up,
        promises=list(promises),
        earned={
            name: _earned(one, base, warm_up)
            for name, one in {"Proffer": mine, **played}.items()
        },
    )


def _earned(one: Played, base: Played, warm_up: int) -> Earned:
    paired = (one.profit - base.profit)[warm_up:].sum(axis=0)
    # Of the sum over customers, not of their mean: √n standard deviations.
    half = 1.96 * float(paired.std(ddof=1)) * len(paired) ** 0.5
    more = float(paired.sum())
    return Earned(
        warm_up=float(one.profit[:warm_up].sum()),
        profit=float(one.profit[warm_up:].sum()),
        discount=float(one.discount[warm_up:].sum()),
        more=more,
        low=more - half,
        high=more + half,
        ahead=(one.profit - base.profit).sum(axis=1).cumsum().tolist(),
    )


def as_json(trial: Trial) -> str:
    """Return the figures as JSON."""
    return json.dumps(asdict(trial))


def show(console: Console, trial: Trial) -> None:
    """Print the table, and how each policy came ahead of no promotions over time."""
    table = Table(title=f"World {trial.world}, {trial.weeks} weeks", expand=False)
    for name in ("", "warm-up", "after", "discounts", "over no promotions (95 %)"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    table.add_column("ahead, week by week", no_wrap=True)
    top = max(abs(v) for one in trial.earned.values() for v in one.ahead) or 1.0
    for name, one in trial.earned.items():
        table.add_row(
            name,
            f"{one.warm_up:,.0f}",
            f"{one.profit:,.0f}",
            f"{one.discount:,.0f}",
            f"{one.more:+,.0f} ({one.low:+,.0f} to {one.high:+,.0f})",
            sparkline(one.ahead, top),
            style="bold" if name == "Proffer" else None,
        )
    console.print(table)
    share = trial.share("Proffer", "oracle")
    console.print(
        f"After {trial.warm_up} weeks of warm-up: {share:.1%} of the oracle's profit, "
        f"{trial.gain_share:.0%} of its gain.",
        highlight=False,
    )
    for kept in trial.promises:
        console.print(
            f"{kept.title}: promised {kept.margin:+,.0f} ({kept.low:+,.0f} to "
            f"{kept.high:+,.0f}), truly brought {kept.truth:+,.0f}",
            highlight=False,
        )


def sparkline(values: list[float], top: float) -> str:
    """Draw values between −top and top."""
    places = [round((v / top + 1) / 2 * (len(BARS) - 1)) for v in values]
    return "".join(BARS[min(max(place, 0), len(BARS) - 1)] for place in places)
