"""A file's rows, each through the checks of the API's call. Worker only.

Good rows are taken whatever the others are. What is listed twice counts as last listed,
and is told of where it comes again: such a row is no refused one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop
from rest_framework import serializers

from analytics import columns
from analytics.sheets import Sheet
from analytics.table_files import untamed
from analytics.wording import Wording
from catalog.intake import Fault
from catalog.kinds import Kind

CHUNK = 1000
AGAIN = Wording("This %(name)s stands in row %(row)s too. This row, the later, counts.")
SHOWN = 100
"""Characters of a refused value."""
COMMA = re.compile(r"-?\d[\d.\s']*,\d{1,4}")


class NoColumns(Exception):
    """The file lacks what every row needs, or the mapping names what it lacks."""


@dataclass(kw_only=True)
class Chunk:
    """Some rows of a file: how many, the good ones, and what is wrong with the others.

    `raw` are the rows as they were read, by field.
    """

    rows: int
    listed: list[Any] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    raw: list[dict[str, str]] = field(default_factory=list)


Said = Mapping[str, str]
"""What is said once for all rows: field -> value."""


def mapped(
    said: Sequence[str], header: Sequence[str], kind: Kind, all_rows: Said
) -> dict[str, str]:
    """Return each field's column: as said (FIELD=COLUMN), else by its name.

    :raises NoColumns: names the field.
    """
    found = columns.guessed(header, kind.guesses)
    for one in said:
        name, equals, column = one.partition("=")
        if not equals or name not in kind.guesses:
            raise NoColumns(
                Wording(
                    "%(one)s is not FIELD=COLUMN; fields: %(value)s",
                    one=f"{one!r}",
                    value=", ".join(kind.guesses),
                )
            )
        if column not in header:
            raise NoColumns(
                Wording(
                    "%(name)s: the file has no column %(column)s",
                    name=name,
                    column=f"{column!r}",
                )
            )
        found[name] = column
    needed = [*kind.needed, *(name for name in kind.said if not all_rows.get(name))]
    if missing := [name for name in needed if name not in found]:
        raise NoColumns(
            Wording(
                "no column is known for %(missing)s. The file has %(header)s",
                missing=", ".join(missing),
                header=", ".join(header),
            )
        )
    return {name: found[name] for name in kind.guesses if name in found}


def chunks(
    sheet: Sheet, sources: Mapping[str, str], kind: Kind, all_rows: Said
) -> Iterator[Chunk]:
    """Yield the file's rows, checked; `all_rows` is of rows that say none.

    Two fields may be of one column.
    """
    wanted, met = list(dict.fromkeys(sources.values())), dict[str, int]()
    for batch in sheet.batches(wanted):
        broken = [
            Fault(row=one.row, field="", reason=one.reason, value=one.value[:SHOWN])
            for one in sheet.broken
        ]
        sheet.broken.clear()
        if broken:
            yield Chunk(rows=len(broken), faults=broken)
        for start in range(0, len(batch), CHUNK):
            some = batch.slice(start, CHUNK)
            rows = list(some.iter_rows(named=True))
            yield _checked(rows, sources, kind, all_rows, met)


def _checked(
    rows: Sequence[Mapping[str, Any]],
    sources: Mapping[str, str],
    kind: Kind,
    all_rows: Said,
    met: dict[str, int],
) -> Chunk:
    chunk, check = Chunk(rows=len(rows)), kind.check()
    for row in rows:
        # A file of ours may come back: its apostrophes are no part of the texts.
        given = {name: untamed(_text(row[column])) for name, column in sources.items()}
        chunk.raw.append(given)
        sent: dict[str, Any] = dict.fromkeys(kind.may_be_empty)
        sent |= {name: value for name, value in all_rows.items() if value}
        # What a row says goes before what was said for all.
        sent |= {name: value for name, value in given.items() if value}
        commas = [name for name in kind.amounts if COMMA.fullmatch(given.get(name, ""))]
        try:
            good = check.run_validation(sent)
        except serializers.ValidationError as error:
            chunk.faults += _faults(row["row"], error.detail, given, commas)
        else:
            chunk.listed.append(kind.listed(**good))
            if kind.once:
                chunk.faults += _again(row["row"], kind.once, good[kind.once], met)
    return chunk


def _again(row: int, name: str, value: str, met: dict[str, int]) -> Iterator[Fault]:
    """Note where a value stands; tell of the place before, if there is one."""
    if value in met:
        before = AGAIN % {"name": name, "row": met[value]}
        yield Fault(row=row, field=name, reason=before, value=value[:SHOWN])
    met[value] = row


def _faults(
    row: int, detail: Any, given: Mapping[str, str], commas: Sequence[str]
) -> Iterator[Fault]:
    for name, reasons in detail.items():
        reason = " ".join(map(str, reasons))
        if name in commas:
            reason = gettext_noop("It has a decimal comma: write a point, as in 10.50.")
        value = given.get(name, "")[:SHOWN]
        yield Fault(row=row, field=str(name), reason=reason, value=value)


def _text(value: Any) -> str:
    """Write a cell as a body has it; of Parquet alone, cells are not text already."""
    if value is None:
        return ""
    if isinstance(value, float):
        # Fifteen digits write 0.1 + 0.2 as 0.3; sixteen or more do not.
        return f"{value:.15g}"
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
