"""What a product's listing says of it: how alike two names are. Pure NumPy.

A name is a bag of its 3- and 4-letter pieces, hashed (Weinberger et al., ICML 2009) and
weighed by how rare they are (TF-IDF); nothing is downloaded and no language assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ml.purchases import Numbers

SIZE = 256
PIECES = (3, 4)
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """Names of the vocabulary as unit rows (products × SIZE), and each piece's rarity.

    `package` is a hash of the package's size, 0 where the shop says none.
    """

    names: NDArray[np.float16]
    rarity: Floats
    package: NDArray[np.uint32]

    @classmethod
    def of(cls, names: Sequence[str], packages: Sequence[str]) -> Self:
        """Take the names and package sizes of all products, in their order."""
        counts = counted(names)
        held = (counts > 0).sum(0)
        # clip: what nearly all names hold would weigh less than nothing.
        rarity = np.log(max(len(names), 1) / (1 + held)).clip(0).astype(np.float32)
        return cls(
            # Halves: a row of 256 for each product lies in every model file.
            names=_unit(counts * rarity).astype(np.float16),
            rarity=rarity,
            package=np.array([hashed(one) for one in packages], np.uint32),
        )

    def alike(self, name: str, package: str, among: NDArray[Any]) -> Numbers:
        """Return how alike the products `among` are to a listing: cosine, and 0.1 more
        for the same package."""
        mine = _unit(counted([name]) * self.rarity)[0]
        same = (self.package[among] == hashed(package)) & (self.package[among] > 0)
        return np.asarray(self.names[among] @ mine + 0.1 * same, np.float64)


def counted(names: Sequence[str]) -> Floats:
    """Count each name's pieces, damped by log1p: (names × SIZE)."""
    rows = {name: _row(name) for name in dict.fromkeys(names)}
    return np.array([rows[name] for name in names], np.float32).reshape(-1, SIZE)


def hashed(text: str) -> int:
    return crc32(text.lower().encode()) if text else 0


def _row(name: str) -> Floats:
    # With blanks around, or a word's ends would be no pieces of their own.
    text = f" {name.lower()} "
    pieces = [text[i : i + n] for n in PIECES for i in range(len(text) - n + 1)]
    spots = [crc32(piece.encode()) % SIZE for piece in pieces]
    return np.log1p(np.bincount(spots, minlength=SIZE)).astype(np.float32)


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-9), np.float32)
