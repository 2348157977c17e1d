"""Products that go together: bought together, and what completes a cart.

Plain arrays for the web process; ml.together counts them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.diversity import best
from ml.purchases import Codes, Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Companions:
    """Each product's partners, best first, (products, partners); -1 where fewer.

    `cosine` is n_ij / sqrt(n_i n_j) over orders, shrunk by n_ij / (n_ij + 10), since a
    pair seen twice is luck; `lift` is n_ij N / (n_i n_j), for people to read.
    """

    partner: Codes
    cosine: NDArray[np.float32]
    lift: NDArray[np.float32]

    def of(self, product: int, *, most: int = 10) -> Codes:
        """Return what is most bought together with a product."""
        partners = self.partner[product, :most]
        return partners[partners >= 0]

    def scores(self, cart: NDArray[Any]) -> Numbers:
        """Add up, for each product, how well it goes with each in the cart."""
        # (cart × partners) on end; −1 fills the short lists.
        partner, cosine = self.partner[cart].ravel(), self.cosine[cart].ravel()
        known = partner >= 0
        return np.asarray(
            np.bincount(partner[known], cosine[known], len(self.partner)), np.float64
        )

    def completing(
        self, cart: NDArray[Any], *, habits: Numbers | None = None, most: int = 10
    ) -> NDArray[Any]:
        """Return what completes a cart; `habits`, (products,), join its scores."""
        score = self.scores(cart)
        if habits is not None:
            score = score + habits
        score[cart] = -np.inf
        # What nothing speaks for is not shown: rather a short list.
        score[score == 0] = -np.inf
        return best(score, most)
