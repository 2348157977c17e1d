"""Our products nearest to a description, by the n-grams of their letters. Worker only.

Cosine of TF-IDF over n-grams (as string matching by SPIDER and name matchers do it):
robust to order, slips and endings; what is near is then compared word by word.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

BLOCK = 256
Near = list[tuple[int, float]]


class Nearest:
    """An index of texts; `of` yields the most similar ones of each text asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._letters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True, dtype=np.float32
        )
        self._known = self._letters.fit_transform(texts).T.tocsr()

    def of(self, texts: Sequence[str], *, most: int) -> Iterator[Near]:
        """Yield (place, cosine) of up to `most` texts, the best first."""
        asked = self._letters.transform(texts)
        for start in range(0, asked.shape[0], BLOCK):
            product = (asked[start : start + BLOCK] @ self._known).tocsr()
            for row in range(product.shape[0]):
                begin, end = product.indptr[row], product.indptr[row + 1]
                values = product.data[begin:end]
                places = product.indices[begin:end]
                # An Ellipsis takes all of them.
                few = (
                    # Only the few best are sorted: a row may have thousands.
                    np.argpartition(values, -most)[-most:]
                    if len(values) > most
                    else ...
                )
                # Of equals the earlier place, so that a run can be repeated.
                order = np.lexsort((places[few], -values[few]))
                yield [
                    (int(place), float(value))
                    for place, value in zip(
                        places[few][order], values[few][order], strict=True
                    )
                ]
