"""Which of our products a competitor's is. Worker only: it loads scikit-learn.

Identifiers first: the same GTIN, or the maker's number with its brand. Then name, brand
and size (catalog.likeness). What is likely enough is matched by rule, what is less so
waits for a person (catalog.match_reviews), whose word is never undone by a rule. All
are looked at before the first is written: two that are far apart in the feed may both
want to be the same of ours. Each block that is written is its own transaction.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from analytics import events, races, store
from catalog import identifiers, likeness, sizes
from catalog.likeness import Described, Read
from catalog.models import CompetitorProduct, Match, Product
from catalog.nearest import Near, Nearest

MATCH_LOCK = 7_102_033
"""The advisory lock's key: one process matches at a time."""
BLOCK = 1000
CANDIDATES = 25
SHOWN = 3
"""Candidates that a person is shown."""
State, How = Match.State, Match.How
PERSONS = (State.CONFIRMED, State.REJECTED)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a competitor's product was found to be; candidates as Match keeps them."""

    state: str
    sku: str | None = None
    how: str = ""
    likelihood: float = 0.0
    others: list[dict[str, Any]] = field(default_factory=list)


def run(*, at: datetime, anew: bool = False) -> int:
    """Match what has no match yet; `anew`, all but what a person decided.

    Returns how many were looked at; 0 if another process is at it.
    """
    with races.alone(MATCH_LOCK) as alone:
        return _run(at, anew=anew) if alone else 0


def _run(at: datetime, *, anew: bool) -> int:
    asked = CompetitorProduct.objects.filter(Q(match=None) | _again(anew=anew))
    ids = list(asked.order_by("id").values_list("id", flat=True))
    if not ids:
        return 0
    shelf = Shelf(list(Product.objects.order_by("sku")))
    found, who = dict[int, Found](), dict[int, str]()
    # First all are looked at: two claims on one of ours may be blocks apart.
    for listed in _blocks(ids):
        who |= {one.pk: one.competitor for one in listed}
        found |= zip((one.pk for one in listed), shelf.find(listed), strict=True)
    wanted = [
        (who[key], what.sku)
        for key, what in found.items()
        if what.state == State.AUTOMATIC
    ]
    claims = _claimed(anew=anew) + Counter(wanted)
    for listed in _blocks(ids):
        chosen = [
            _sole(found[one.pk], claims[one.competitor, found[one.pk].sku])
            for one in listed
        ]
        with transaction.atomic():
            _keep(listed, chosen, at)
    _doubt({claim for claim in wanted if claims[claim] > 1}, at)
    return len(ids)


def _blocks(ids: Sequence[int]) -> Iterator[list[CompetitorProduct]]:
    for start in range(0, len(ids), BLOCK):
        rows = CompetitorProduct.objects.filter(id__in=ids[start : start + BLOCK])
        yield list(rows.select_related("match").order_by("id"))


def _again(*, anew: bool) -> Q:
    """What is looked at once more: all that no person decided, or nothing."""
    return ~Q(match__state__in=PERSONS) if anew else Q(pk__in=[])


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


Claim = tuple[str, str | None]
"""A competitor, and which of ours one of its products would be."""


def _claimed(*, anew: bool) -> Counter[Claim]:
    """Count what is matched already, or would be if others were not the same.

    Of what is looked at once more only what persons said stays.
    """
    stays = Q(state=State.CONFIRMED)
    if not anew:
        sure = Q(state=State.WAITING, how=How.LIKENESS)
        stays |= Q(state=State.AUTOMATIC)
        stays |= sure & Q(likelihood__gte=likeness.AUTOMATIC)
    rows = Match.objects.filter(stays).values_list("product__competitor", "sku")
    return Counter(rows)


def _sole(what: Found, claims: int) -> Found:
    """Let a person look where two of a competitor's would be the same of ours."""
    alike = what.how == How.LIKENESS and what.state == State.AUTOMATIC
    return replace(what, state=State.WAITING) if alike and claims > 1 else what


def _doubt(claims: Collection[Claim], at: datetime) -> None:
    """Let a person look at earlier matches, too, that another has come to contest."""
    with transaction.atomic():
        # Of the joined product nothing is written: its row stays free.
        rows = Match.objects.select_for_update(of=["self"]).select_related("product")
        rows = rows.filter(
            state=State.AUTOMATIC,
            how=How.LIKENESS,
            product__competitor__in={competitor for competitor, _ in claims},
            sku__in={sku for _, sku in claims},
        )
        contested = [
            row
            for row in rows.order_by("product_id")
            # The two filters alone also take one claim's competitor with another's sku.
            if (row.product.competitor, row.sku_id) in claims
        ]
        for row in contested:
            row.state, row.at = State.WAITING, at
        Match.objects.bulk_update(contested, ["state", "at"])
        told = [
            events.CompetitorMatched(
                competitor=row.product.competitor,
                product=row.product.product,
                sku=row.sku_id,
                state=row.state,
                how=row.how,
            )
            for row in contested
        ]
        store.append_new([store.Fact(event=event, at=at) for event in told])


def _keep(
    theirs: Sequence[CompetitorProduct], found: Sequence[Found], at: datetime
) -> None:
    """Write what was found, but over nobody's word; tell of what changed."""
    locked = Match.objects.select_for_update().filter(product__in=theirs)
    # Locked in one order, as two runs, or people, may meet.
    known = {row.product_id: row for row in locked.order_by("product_id")}
    changed: list[events.Event] = []
    rows: list[Match] = []
    for one, what in zip(theirs, found, strict=True):
        was = known.get(one.pk)
        # Decided since we began: looking at a whole feed takes minutes.
        if was is not None and was.state in PERSONS:
            continue
        rows.append(_row(one, what, was, at))
        if was is None or (was.state, was.sku_id) != (what.state, what.sku):
            changed.append(_told(one, what))
    Match.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["product"],
        update_fields=["sku", "state", "how", "likelihood", "others", "at"],
    )
    store.append_new([store.Fact(event=event, at=at) for event in changed])


def _row(one: CompetitorProduct, what: Found, was: Match | None, at: datetime) -> Match:
    return Match(
        product=one,
        sku_id=what.sku,
        state=what.state,
        how=what.how,
        likelihood=what.likelihood,
        others=what.others,
        refused=was.refused if was else [],
        at=at,
    )


def _told(one: CompetitorProduct, what: Found) -> events.CompetitorMatched:
    return events.CompetitorMatched(
        competitor=one.competitor,
        product=one.product,
        sku=what.sku,
        state=what.state,
        how=what.how,
    )
