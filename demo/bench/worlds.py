"""What the platform earns in simulated shops whose customers' response is known.

Each world is played by `manage.py simulate` in a process, and with servers, of its own;
two at a time. Models are trained in every fourth week and customers scored in all of
them, since trainings would take most of the time; rankers are left out, which no offer
rests on. What is compared is the time after eight weeks of warm-up.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.services import ROOT, VAR
from demo.bench.table import Row, least, show, shown, within

WORLDS = range(1, 11)
WEEKS, CUSTOMERS, WARM_UP, AT_ONCE = 26, 800, 8, 2
OPTIONS = ("--retrain", "4", "--skip", "ml.tasks.recommend")
NONE, RANKED, ORACLE = "no promotions", "propensity ranking, same budget", "oracle"
US, EQUAL = "Proffer", "oracle, same budget"
HOLDS = 0.15
"""Above propensity ranking, by an oracle with our budget: what a world may hold."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A world's figures as `simulate --json` writes them, and its seconds."""

    world: int
    earned: dict[str, Any]
    promises: list[dict[str, Any]]
    seconds: float

    def profit(self, name: str) -> float:
        return float(self.earned[name]["profit"])

    @property
    def share(self) -> float:
        return self.profit(US) / self.profit(ORACLE)

    @property
    def gain(self) -> float:
        """Return the share of what the oracle gains over no promotions."""
        base = self.profit(NONE)
        return (self.profit(US) - base) / (self.profit(ORACLE) - base)


def run() -> None:
    """Play all worlds and write the table."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(_played, WORLDS))
    show("Closed loop", [*_rows(outcomes), *map(_row, outcomes)])


def _played(world: int) -> Outcome:
    home = VAR / "worlds" / str(world)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    figures = home / "figures.json"
    size = ("--weeks", str(WEEKS), "--customers", str(CUSTOMERS))
    told = ("--warm-up", str(WARM_UP), "--json", str(figures))
    started = time.perf_counter()
    _manage(home, "migrate", "--verbosity", "0")
    _manage(home, "simulate", "--world", str(world), *size, *told, *OPTIONS)
    seconds = time.perf_counter() - started
    found = json.loads(figures.read_text())
    # Else ten worlds' servers run beside each other.
    _run(home, "-m", "config.services", "stop")
    shutil.rmtree(home)
    return Outcome(
        world=world,
        earned=found["earned"],
        promises=found["promises"],
        seconds=seconds,
    )


def _manage(home: Path, *words: str) -> None:
    _run(home, "manage.py", *words)


def _run(home: Path, *words: str) -> None:
    mine = {"PROFFER_VAR": str(home), "SIMULATED_CLOCK": "true", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    env = os.environ | mine
    subprocess.run(command, cwd=ROOT, env=env, check=True)  # noqa: S603


def _rows(outcomes: list[Outcome]) -> list[Row]:
    shares = [one.share for one in outcomes]
    over = [one.profit(US) / one.profit(RANKED) - 1 for one in outcomes]
    equal = [one.profit(US) / one.profit(EQUAL) for one in outcomes]
    hold = [one for one in outcomes if one.profit(EQUAL) > _aim(one)]
    reached = sum(one.profit(US) > _aim(one) for one in hold)
    losing = sum(one.earned[US]["high"] < 0 for one in outcomes)
    mean = sum(shares) / len(shares)
    return [
        least("share of the oracle's profit, mean", 100 * mean, 90, "%", 1),
        least("share of the oracle's profit, worst", 100 * min(shares), 90, "%", 1),
        shown("share of the oracle's gain, mean", f"{_mean(outcomes):.0%}"),
        shown("worlds below no promotions beyond the interval", str(losing), "none"),
        shown(
            "over propensity ranking at the same budget",
            f"{min(over):+.1%} to {max(over):+.1%}",
            "15 % where the world holds it",
        ),
        shown(
            "… worlds that hold 15 %, and how many gave it",
            f"{reached}",
            f"{len(hold)}",
        ),
        shown(
            "share of the profit of an oracle with the same budget",
            f"{min(equal):.1%} to {max(equal):.1%}",
        ),
        *_covered(outcomes),
        shown("seconds a world-week", f"{_seconds(outcomes):.1f}"),
    ]


def _aim(one: Outcome) -> float:
    return (1 + HOLDS) * one.profit(RANKED)


def _mean(outcomes: list[Outcome]) -> float:
    return sum(one.gain for one in outcomes) / len(outcomes)


def _seconds(outcomes: list[Outcome]) -> float:
    return sum(one.seconds for one in outcomes) / len(outcomes) / WEEKS


def _covered(outcomes: list[Outcome]) -> list[Row]:
    told = [promise for one in outcomes for promise in one.promises]
    if not told:
        return [shown("promises kept", "no strategy has come to its end")]
    seen = [one for one in told if one["shows"] and one["measured"] is not None]
    promised = sum(one["margin"] for one in told)
    came = sum(one["truth"] for one in told)
    return [
        *_band("80 % intervals with what was measured", [_showed(one) for one in seen]),
        *_band("80 % intervals with the truth", [_keeps(one) for one in told]),
        shown("truly brought by them", f"{came:,.0f}", f"promised: {promised:,.0f}"),
    ]


def _band(name: str, inside: list[bool]) -> list[Row]:
    if not inside:
        return []
    share = 100 * sum(inside) / len(inside)
    return [within(f"{name}, of {len(inside)}, %", share, 72, 88)]


def _keeps(promise: Mapping[str, Any]) -> bool:
    return bool(promise["low"] <= promise["truth"] <= promise["high"])


def _showed(promise: Mapping[str, Any]) -> bool:
    low, high = promise["shows"]
    return bool(low <= promise["measured"] <= high)


def _row(one: Outcome) -> Row:
    mine, oracle = one.earned[US], one.earned[ORACLE]
    return shown(
        f"world {one.world}: profit over no promotions (95 %)",
        f"{mine['more']:+,.0f} ({mine['low']:+,.0f} to {mine['high']:+,.0f})",
        f"oracle: {oracle['more']:+,.0f}; without promotions {one.profit(NONE):,.0f}",
    )
