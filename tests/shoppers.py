"""What a shop reports of its customers, by lot: journeys, orders, consent.

SEED=… repeats a run's choices, though not its timing.
"""

import os
import random
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

SHOP = "shop"
SEED = int(os.environ.get("SEED") or time.time_ns() % 1_000_000_000)


def say(line: str) -> None:
    """Tell `make test-kill` how it goes; pytest shows it when the test fails."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


@dataclass(frozen=True, kw_only=True)
class Report:
    """An event as a shop means it, for whichever wire."""

    id: str
    type: str
    at: datetime
    customer: str | None = None
    visitor: str | None = None
    previous: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    consent: bool | None = None

    @property
    def who(self) -> str | None:
        return self.customer or self.visitor


class Shopper:
    """Invents reports. Customers and devices are shared by all shops' servers."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def batch(self) -> list[Report]:
        return [self.report() for _ in range(self.random.randint(1, 8))]

    def report(self) -> Report:
        kinds = ("view", "order", "page", "identify", "say", "alias")
        [kind] = self.random.choices(kinds, weights=(8, 4, 4, 2, 1, 1))
        id_ = UUID(int=self.random.getrandbits(128), version=4)
        made: Report = getattr(self, kind)(
            id=self.random.choice((str(id_), f"node-next-{id_}")),
            at=datetime.now(UTC) - timedelta(seconds=self.random.uniform(0, 200_000)),
        )
        return made

    def view(self, **known: Any) -> Report:
        said = self.random.choice((None, None, None, True, False))
        data = {"sku": self._sku(), "category": self._category()}
        return Report(
            type="product_viewed", data=data, consent=said, **self._somebody(), **known
        )

    def order(self, **known: Any) -> Report:
        data = {
            "order_id": f"o-{known['id'][-8:]}",
            "currency": "USD",
            "lines": [
                {
                    "sku": self._sku(),
                    "category": self._category(),
                    "quantity": self.random.randint(1, 3),
                    "paid": f"{self.random.randint(1, 9999)}.25",
                }
                for _ in range(self.random.randint(1, 4))
            ],
        }
        return Report(
            type="order_completed",
            data=data,
            customer=self._customer(self._home()),
            **known,
        )

    def page(self, **known: Any) -> Report:
        data = {"name": "Home"}
        return Report(type="page_viewed", data=data, **self._somebody(), **known)

    def identify(self, **known: Any) -> Report:
        home = self._home()
        return Report(
            type="customer_identified",
            customer=self._customer(home),
            visitor=self._visitor(home),
            data={"traits": {"plan": "gold"}},
            **known,
        )

    def say(self, **known: Any) -> Report:
        data = {"personalised": self.random.random() < 0.5}
        return Report(type="consent_changed", data=data, **self._somebody(), **known)

    def alias(self, **known: Any) -> Report:
        home = self._home()
        others = (self._customer(home), self._visitor(home))
        return Report(
            type="customer_aliased",
            customer=self._customer(home),
            previous=self.random.choice(others),
            **known,
        )

    def _somebody(self) -> dict[str, Any]:
        if self.random.random() < 0.5:
            return {"customer": self._customer(self._home())}
        return {"visitor": self._visitor(self._home())}

    def _home(self) -> int:
        """Customers and devices of a home are taken for one another, no others."""
        return self.random.randint(1, 100)

    def _customer(self, home: int) -> str:
        return f"customer-{home}-{self.random.randint(1, 3)}"

    def _visitor(self, home: int) -> str:
        return f"visitor-{home}-{self.random.randint(1, 8)}"

    def _sku(self) -> str:
        return f"sku-{self.random.randint(1, 40)}"

    def _category(self) -> str:
        return self.random.choice(("TEA", "MILK", "MUGS", ""))
