"""Codes that somebody chose: public ones, customers' own, those of another system.

Giving what is there already, with the same limits and for the same strategy, is no
error and changes nothing: a file may be imported again after a kill.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from analytics import identity
from analytics.persons import nobody
from promotions import spelling
from promotions.models import Code, Strategy

# The column's: an integer of four bytes.
MOST_USES = 2_147_483_647
ATTEMPTS = 3
COLUMNS = (
    "id",
    "digest",
    "text",
    "strategy_id",
    "customer",
    "uses",
    "most_uses",
    "active",
    "expires_at",
)


class NotByCode(Exception):
    """The strategy does not wait for codes, or will never be live any more."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """A code to be: for one customer or for everybody; `most_uses` None: no limit."""

    text: str
    customer: str | None = None
    most_uses: int | None = 1
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Became:
    """What became of a given code: `made`, `known`, or refused for a field."""

    status: str
    field: str = ""
    reason: str = ""


MADE, KNOWN = Became(status="made"), Became(status="known")


def taking(strategy: UUID) -> Strategy | None:
    """Return a strategy that codes can be made for; None if there is none of this id.

    :raises NotByCode: it has another trigger, or is rejected or ended.
    """
    found = Strategy.objects.filter(id=strategy).first()
    if found is None:
        return None
    if found.trigger != Strategy.Trigger.CODE:
        raise NotByCode("This strategy applies without a code.")
    if found.state in (Strategy.State.REJECTED, Strategy.State.ENDED):
        raise NotByCode(f"This strategy is {found.get_state_display()}.")
    return found


def give(
    strategy: Strategy, given: Sequence[Given], *, dry_run: bool = False
) -> list[Became]:
    """Make codes, some thousands at a time; return what became of each, in order."""
    for _ in range(ATTEMPTS - 1):
        try:
            with transaction.atomic():
                return _give(strategy, given, dry_run=dry_run)
        except IntegrityError:
            continue  # somebody has just made one of them: look again
    with transaction.atomic():
        return _give(strategy, given, dry_run=dry_run)


def _give(strategy: Strategy, given: Sequence[Given], *, dry_run: bool) -> list[Became]:
    named = {one.customer for one in given if one.customer}
    keys = _keys({name for name in named if not nobody(name)}, dry_run=dry_run)
    digests = [spelling.digest(one.text) for one in given]
    there = {
        bytes(row.digest): row for row in Code.objects.filter(digest__in=set(digests))
    }
    new: dict[bytes, Code] = {}
    became = []
    for one, digest in zip(given, digests, strict=True):
        if wrong := _fault(one, keys):
            became.append(wrong)
            continue
        code = _code(strategy, one, digest, keys)
        # A file may name a code twice: the second is compared
        # with the first, not written.
        before = there.get(digest) or new.get(digest)
        if before is None:
            new[digest] = code
        became.append(MADE if before is None else _again(before, code))
    if not dry_run:
        _copy(new.values())
    return became


def _copy(new: Iterable[Code]) -> None:
    """Write the rows."""
    # COPY: an import of 100,000 codes takes 3.1 s of CPU, by the ORM 13.1 s.
    copy_in = f"COPY {Code._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN"
    with (
        connection.cursor() as cursor,
        # Else psycopg's own UniqueViolation goes past `give`, which would look again.
        connection.wrap_database_errors,
        cursor.copy(copy_in) as copy,
    ):
        for code in new:
            copy.write_row([getattr(code, name) for name in COLUMNS])


def _keys(names: set[str], *, dry_run: bool) -> Mapping[str, UUID]:
    """Return customers' keys; whoever was erased is missing."""
    if not dry_run:
        people = identity.identify(names)
        return {name: known.key for name, known in people.customers.items()}
    gone = identity.erased(names)
    unmade = UUID(int=0)  # a key that a dry run does not make
    return {name: identity.find(name) or unmade for name in names - gone}


def _fault(one: Given, keys: Mapping[str, UUID]) -> Became | None:
    if reason := spelling.fault(one.text):
        return Became(status="refused", field="code", reason=reason)
    if one.customer and nobody(one.customer):
        reason = "This is nobody's id: it stands for none."
        return Became(status="refused", field="customer", reason=reason)
    if one.customer and one.customer not in keys:
        return Became(
            status="refused", field="customer", reason="The customer was erased."
        )
    if one.most_uses is not None and not 1 <= one.most_uses <= MOST_USES:
        return Became(
            status="refused", field="most_uses", reason="Expected at least 1 use."
        )
    return None


def _code(
    strategy: Strategy, one: Given, digest: bytes, keys: Mapping[str, UUID]
) -> Code:
    return Code(
        digest=digest,
        text=one.text,
        strategy=strategy,
        customer=keys[one.customer] if one.customer else None,
        most_uses=one.most_uses,
        expires_at=one.expires_at,
    )


def _again(before: Code, code: Code) -> Became:
    same = ("strategy_id", "customer", "most_uses", "expires_at")
    if all(getattr(before, name) == getattr(code, name) for name in same):
        return KNOWN
    return Became(
        status="refused",
        field="code",
        reason="This code is there already, of another strategy or with other limits.",
    )
