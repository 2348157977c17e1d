"""Which of our products a competitor's is. Worker only: it loads scikit-learn.

What is likely enough (catalog.match_shelf) is matched by rule, what is less so waits
for a person (catalog.match_reviews), whose word is never undone by a rule. All are
looked at before the first is written: two that are far apart in the feed may both want
to be the same of ours. Each block that is written is its own transaction.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from analytics import events, races, store
from catalog import likeness
from catalog.match_shelf import Found, Shelf
from catalog.models import CompetitorProduct, Match, Product

MATCH_LOCK = 7_102_033
"""The advisory lock's key: one process matches at a time."""
BLOCK = 1000
State, How = Match.State, Match.How
PERSONS = (State.CONFIRMED, State.REJECTED)


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
