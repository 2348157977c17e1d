"""Read JSON Lines as rows of text: one object a line; numbers as they are written.

Objects may have different names; what one lacks is empty. A line that is no object, or
has objects inside, is broken and harms no other. Lines count from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from analytics.wording import Wording

MOST_LINE = 1 << 20


class TooLong(Exception):
    """A line is longer than any row is."""


class NotUtf8(Exception):
    """The file is not in UTF-8."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line's values by name, or (`values` None) why it has none."""

    number: int
    values: dict[str, str] | None
    fault: str = ""
    text: str = ""


# As text: 12.10 must not come out as 12.1, nor 0.1 + 0.2 with 17 digits.
_decoder = msgspec.json.Decoder(dict[str, object], float_hook=str)


def rows(path: Path) -> Iterator[Row]:
    """Yield the lines' rows; empty lines count and are nothing.

    :raises TooLong, NotUtf8: the file is no such file.
    """
    with path.open("rb") as lines:
        number = 0
        # One byte more shows a line that is too long, before the rest of it is read.
        while line := lines.readline(MOST_LINE + 1):
            number += 1
            if len(line) > MOST_LINE:
                raise TooLong(
                    Wording(
                        "line %(number)s is longer than %(value)s MiB",
                        number=number,
                        value=MOST_LINE >> 20,
                    )
                )
            if number == 1:
                # A byte order mark, as Excel and Windows write it.
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                yield _row(number, line)


def _row(number: int, line: bytes) -> Row:
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        raise NotUtf8(Wording("line %(number)s is not UTF-8", number=number)) from error
    try:
        found = _decoder.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        return Row(
            number=number,
            values=None,
            fault=Wording("no object: %(error)s", error=error),
            text=text,
        )
    for name, value in found.items():
        if isinstance(value, dict | list):
            fault = Wording("%(name)s holds more than one value", name=name)
            return Row(number=number, values=None, fault=fault, text=text)
    return Row(number=number, values={k: _text(v) for k, v in found.items()})


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
