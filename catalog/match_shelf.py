"""Our products, ready for a competitor's to be looked up among them. Worker only.

Identifiers first: the same GTIN, or the maker's number with its brand. Then name, brand
and size (catalog.likeness).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog import identifiers, likeness, sizes
from catalog.likeness import Described, Read
from catalog.models import CompetitorProduct, Match, Product
from catalog.nearest import Near, Nearest

CANDIDATES = 25
SHOWN = 3
"""Candidates that a person is shown."""
State, How = Match.State, Match.How


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a competitor's product was found to be; candidates as Match keeps them."""

    state: str
    sku: str | None = None
    how: str = ""
    likelihood: float = 0.0
    others: list[dict[str, Any]] = field(default_factory=list)


class Shelf:
    """Our products, ready to be looked for."""

    def __init__(self, products: Sequence[Product]) -> None:
        self.products = products
        self.read = [likeness.read(_described(one)) for one in products]
        self.known = likeness.known(self.read)
        # scikit-learn refuses to index no words at all.
        self.nearest = Nearest([_text(one) for one in self.read]) if products else None
        self.by_gtin = _by(products, _gtin)
        self.by_number = _by(products, _number)

    def find(self, theirs: Sequence[CompetitorProduct]) -> list[Found]:
        """Return what each of a competitor's products is."""
        asked = [likeness.read(_described(one)) for one in theirs]
        texts = [_text(one) for one in asked]
        near: Iterator[Near] = iter([[] for _ in theirs])
        if self.nearest is not None:
            near = self.nearest.of(texts, most=CANDIDATES)
        return [
            self._named(one) or self._alike(one, read, some)
            for one, read, some in zip(theirs, asked, near, strict=True)
        ]

    def _named(self, one: CompetitorProduct) -> Found | None:
        """Look by identifiers; a size that contradicts them lets a person look."""
        for how, same in (
            (How.GTIN, self.by_gtin.get(_gtin(one) or "")),
            (How.MPN, self.by_number.get(_number(one) or "")),
        ):
            left = [
                place for place in same or () if not _refused(one, self._sku(place))
            ]
            if left:
                ours = self.products[left[0]]
                # None, where a label says nothing, is no contradiction.
                other = sizes.same(ours.size, one.size) is False
                sure = len(left) == 1 and not other
                return Found(
                    state=State.AUTOMATIC if sure else State.WAITING,
                    sku=ours.sku,
                    how=how,
                    likelihood=1.0 if sure else 0.5,
                    others=[_other(self._sku(place), 0.5) for place in left[:SHOWN]],
                )
        return None

    def _alike(self, one: CompetitorProduct, read: Read, near: Near) -> Found:
        left = [pair for pair in near if not _refused(one, self._sku(pair[0]))]
        pairs = [
            likeness.compared(self.read[place], read, self.known, cosine)
            for place, cosine in left
        ]
        ranked = sorted(
            zip(likeness.likelihoods(pairs), (place for place, _ in left), strict=True),
            # Of equals the earlier of our products, so that a run can be repeated.
            key=lambda pair: (-pair[0], pair[1]),
        )
        best, place = ranked[0] if ranked else (0.0, -1)
        if best < likeness.REVIEW and not _shared(ranked):
            return Found(state=State.NONE, likelihood=best)
        sure = best >= likeness.AUTOMATIC
        return Found(
            state=State.AUTOMATIC if sure else State.WAITING,
            sku=self._sku(place),
            how=How.LIKENESS,
            likelihood=best,
            others=[_other(self._sku(p), chance) for chance, p in ranked[:SHOWN]],
        )

    def _sku(self, place: int) -> str:
        return self.products[place].sku


def _shared(ranked: Sequence[tuple[float, int]]) -> bool:
    """Say whether twins of ours share what is likely: then a person may choose."""
    return sum(chance for chance, _ in ranked[:SHOWN]) >= 2 * likeness.REVIEW


def _described(one: Product | CompetitorProduct) -> Described:
    return Described(name=one.name, brand=one.brand, size=one.size)


def _text(read: Read) -> str:
    return " ".join((*read.brand, *read.words))


def _gtin(one: Product | CompetitorProduct) -> str | None:
    return identifiers.canonical(one.gtin) if one.gtin else None


def _number(one: Product | CompetitorProduct) -> str | None:
    """Return the maker's number with its brand; one without the other says nothing."""
    if not one.mpn or not one.brand:
        return None
    # NUL parts them, which no text of the database holds.
    return f"{one.brand.casefold().strip()}\0{one.mpn.casefold().strip()}"


def _by(products: Iterable[Product], key: Any) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(products):
        if named := key(one):
            found[named].append(place)
    return found


def _refused(one: CompetitorProduct, sku: str) -> bool:
    match = getattr(one, "match", None)
    return match is not None and sku in match.refused


def _other(sku: str, chance: float) -> dict[str, Any]:
    return {"sku": sku, "likelihood": round(chance, 4)}
