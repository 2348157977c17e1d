"""Which orders a row may belong to whose own order cannot be read: they are held back.

A row has lost its place where a delimiter stands unquoted (`10,50`), a cell is missing
or a quote was not closed. Its order enters without it unless it is found:

- One text line with too many cells: the order's cell has moved by no more than there
  are cells too many, or fell apart itself. Any order it may name is held.
- Else, and where the order's cell is empty, also the orders of the rows before and
  after: the lines of an order mostly stand together.
"""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from analytics.sheets import Broken

NEAR = 8
"""With more cells too many than this nothing is known of where they came from."""


class Held:
    """The orders held back: `by` says for each the first row that may be its own.

    Rows come in the file's order, a batch at a time.
    """

    def __init__(self) -> None:
        self.by: dict[str, int] = {}
        self._before: str | None = None
        self._waiting: int | None = None

    def look(self, lines: pl.DataFrame, broken: Iterable[Broken], place: int) -> None:
        """See a batch's rows and its broken ones; `place` is the order's cell."""
        lost = lines.filter(pl.col("order").is_null())["row"].to_list()
        for one in broken:
            named = set(claims(one, place))
            self._hold(named, one.row)
            if not _sure(one, place):
                lost.append(one.row)
        known = lines.filter(pl.col("order").is_not_null())
        first = known["order"].head(1).to_list()
        # A row that was lost at the end of a batch has its next neighbour in this one.
        if first and self._waiting is not None:
            self._hold(first, self._waiting)
            self._waiting = None
        for row in sorted(lost):
            self._beside(row, known)
        self._before = next(iter(known["order"].tail(1)), self._before)

    def _beside(self, row: int, known: pl.DataFrame) -> None:
        after = int(known["row"].search_sorted(row))
        before = known["order"][after - 1] if after else self._before
        self._hold([before] if before is not None else [], row)
        if after < len(known):
            self._hold([known["order"][after]], row)
        elif self._waiting is None:
            self._waiting = row

    def _hold(self, orders: Iterable[str], row: int) -> None:
        for order in orders:
            self.by.setdefault(order, row)


def claims(broken: Broken, place: int) -> Iterator[str]:
    """Yield what may be the order's number in a broken row's lines of text."""
    for cells in broken.lines:
        yield from _runs(_reach(cells, broken.width, place), broken.delimiter)


def _sure(broken: Broken, place: int) -> bool:
    """Say whether the order must be among the claims: nothing is missing or empty."""
    cells = broken.lines[0]
    if len(broken.lines) > 1 or not 0 < len(cells) - broken.width <= NEAR:
        return False
    return all(cell.strip() for cell in _reach(cells, broken.width, place))


def _reach(cells: Sequence[str], width: int, place: int) -> Sequence[str]:
    # Cells too many have moved the order's to the right, cells too few to the left.
    extra = max(-NEAR, min(len(cells) - width, NEAR))
    return cells[max(place + min(extra, 0), 0) : place + max(extra, 0) + 1]


def _runs(cells: Sequence[str], delimiter: str) -> Iterator[str]:
    # It may have been cut at a delimiter itself: so any run of cells is a claim.
    for start in range(len(cells)):
        for end in range(start + 1, len(cells) + 1):
            text = delimiter.join(cells[start:end]).strip().strip('"').strip()
            if text:
                yield text
