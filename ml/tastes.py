"""What a customer has bought, against what nobody has yet: by what listings say. Pure.

A new product is worth the sum of how near it is to each text that was bought, by how
often and how lately; only what is nearer than FAR counts, since two groceries are never
wholly strange to each other. A mean of all that was bought would lie between the tastes
of which a customer has many (Weston, Weiss, Yee, RecSys 2013).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FAR = 0.5
HALF_LIFE = 100.0
"""Days after which a purchase counts half."""
MOST = 200
"""Texts of a customer that are compared: the weightiest."""


def wanted(
    new: NDArray[Any], bought: NDArray[Any], weight: NDArray[Any]
) -> NDArray[np.float64]:
    """Return what each new text is worth to who bought these; rows have length 1.

    `new` is (n × d), `bought` (m × d), `weight` (m,), decayed orders.
    """
    if not len(bought):
        return np.zeros(len(new))
    near = np.clip(new @ bought.T - FAR, 0, None) ** 2
    # By logs: ten orders of a text say more of a taste than one, not ten times as much.
    return np.asarray(near @ np.log1p(weight), np.float64)
