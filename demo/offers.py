"""What a world's customers are shown, and what it gives them. Pure.

Money is float here, in one currency.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from demo.populations import CATEGORIES, Bools, Floats


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What each customer is shown, [customers, categories]; zeros: nothing.

    `rate` off; or from `least` spent in the category on: `off` money, or a gift that is
    `worth` so much on the shelf and costs the shop `gift`.
    """

    rate: Floats
    least: Floats
    off: Floats
    worth: Floats
    gift: Floats

    @classmethod
    def none(cls, customers: int) -> Self:
        zeros = (np.zeros((customers, CATEGORIES)) for _ in range(5))
        return cls(**dict(zip(cls.__dataclass_fields__, zeros, strict=True)))

    @property
    def shown(self) -> Bools:
        return (self.rate > 0) | (self.least > 0)

    def of(self, rows: Any) -> "Offers":
        """Keep some customers."""
        return Offers(**{n: getattr(self, n)[rows] for n in self.__dataclass_fields__})

    def discount(self, value: Floats) -> Floats:
        """Return what baskets worth `value` in each category are given; gifts at cost.

        `value` may have further axes behind those of the offers.
        """
        more = value.ndim - self.rate.ndim
        rate, least, off, gift = (
            np.expand_dims(one, tuple(range(-more, 0))) if more else one
            for one in (self.rate, self.least, self.off, self.gift)
        )
        reached = (least > 0) & (value >= least - 1e-9)
        return np.asarray(rate * value + np.where(reached, off + gift, 0.0))
