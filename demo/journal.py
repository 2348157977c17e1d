"""How far a simulation is, in a file, so that a killed run goes on where it stopped."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from demo.populations import Bools, Floats, Ints
from demo.worlds import World

Shown = dict[int, list[dict[str, Any]]]
"""A customer's number -> the offers that GET answered."""


@dataclass(kw_only=True)
class Journal:
    """How far the simulation is, and all it has to remember; [customers, …] arrays."""

    state: Floats
    stock: Ints
    promoted: Bools
    today: Floats
    profit: list[Floats] = field(default_factory=list)
    discount: list[float] = field(default_factory=list)
    spent: float = 0.0
    truth: dict[str, float] = field(default_factory=dict)
    """Strategy -> the profit that it is expected to have brought, by the world."""
    day: int = 0
    shown: Shown | None = None
    path: Path | None = None

    @property
    def week(self) -> int:
        return len(self.profit)

    @classmethod
    def of(cls, world: World, path: Path | None) -> "Journal":
        """Read the journal of a run that stopped, or begin one."""
        fresh = world.fresh()
        journal = cls(
            state=fresh,
            stock=world.goods.stock.copy(),
            promoted=np.zeros(fresh.shape, bool),
            today=np.zeros(world.customers),
            path=path,
        )
        if path and path.exists():
            journal._read(path)
        return journal

    def _read(self, path: Path) -> None:
        with np.load(path) as kept:
            for name in ("state", "stock", "promoted", "today"):
                setattr(self, name, kept[name])
            self.profit = list(kept["profit"])
            told = json.loads(str(kept["told"]))
        shown = told.pop("shown")
        # JSON has made texts of the numbers.
        self.shown = shown and {int(row): offers for row, offers in shown.items()}
        for name, value in told.items():
            setattr(self, name, value)

    def keep(self) -> None:
        """Write it, whole or not at all."""
        if self.path is None:
            return
        names = ("discount", "spent", "truth", "day", "shown")
        told = json.dumps({name: getattr(self, name) for name in names})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new.npz")
        np.savez(
            new,
            state=self.state,
            stock=self.stock,
            promoted=self.promoted,
            today=self.today,
            # Before the first week's end there are none, and no second axis.
            profit=np.array(self.profit).reshape(-1, len(self.today)),
            told=np.array(told),
        )
        new.replace(self.path)
