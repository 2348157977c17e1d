"""A table of a randomised trial: read, understood, and checked for randomness.

Any CSV (gzipped too) or Parquet file with one row a customer. What was assumed on the
way (which value is control, what was left out, what was missing) is told in `notes`,
and what makes the result doubtful in `warnings`. Reads files, else pure.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import trial_checks

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]
Bools = NDArray[np.bool_]

CONTROLS = (
    "control",
    "none",
    "no e-mail",
    "no email",
    "no mail",
    "no treatment",
    "no offer",
    "nothing",
    "untreated",
    "not treated",
    "holdout",
    "placebo",
    "ctrl",
    "0",
    "false",
    "no",
    "n",
)
"""Values that are taken for control, in lower case; the first that is there wins."""
YES = frozenset({"1", "true", "yes", "y", "t"})
NO = frozenset({"0", "false", "no", "n", "f"})
MOST_ARMS = 20
LEAST_ROWS = 200
LEAST_OUTCOMES = 20
LEAST_OF_ARM = 20
"""Rows of an arm. The least demanding learners (ml.uplift_shrunk) want ten outcomes of
each arm where they fit: of 20 rows 11 are left when the test's 30 % and a fold are out.
An arm of fewer would have every learner refused, for all arms.
"""


class Unusable(ValueError):
    """The table cannot be used; the message names the column and says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialTable:
    """Features [rows, columns] (codes in `categories`), outcomes, arms by name."""

    x: Floats
    y: Floats
    treatment: Texts
    control: str
    columns: tuple[str, ...]
    categories: tuple[int, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def arms(self) -> list[str]:
        """Every arm but control, in the learners' order."""
        return [str(n) for n in np.unique(self.treatment) if n != self.control]


def read(path: Path) -> pl.DataFrame:
    """Return the file's rows.

    :raises Unusable: there is no such file, or it is no table.
    """
    if not path.is_file():
        raise Unusable(f"there is no file {path}")
    try:
        if path.suffix in (".parquet", ".pq"):
            return pl.read_parquet(path)
        separator = "\t" if ".tsv" in path.suffixes else ","
        return pl.read_csv(
            path,
            separator=separator,
            # All rows: a text that first comes in row 20,000 would break the reading.
            infer_schema_length=None,
            null_values=["", "NA", "NaN", "nan", "null", "NULL"],
            try_parse_dates=True,
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        raise Unusable(f"{path} is no table that can be read: {error}") from error


def understand(
    frame: pl.DataFrame,
    *,
    treatment: str,
    outcome: str,
    control: str | None = None,
    exclude: Collection[str] = (),
) -> TrialTable:
    """Return the trial that the frame holds.

    :raises Unusable: a column is missing, there is one arm only, the outcome is no
        number or constant, or there are too few rows, of all or of an arm.
    """
    for name in (treatment, outcome, *exclude):
        if name not in frame.columns:
            there = ", ".join(frame.columns)
            raise Unusable(f"there is no column {name}; there are {there}")
    if treatment == outcome:
        raise Unusable(f"{treatment} cannot be both treatment and outcome")
    notes: list[str] = []
    frame = _complete(frame, treatment, outcome, notes)
    given = _labels(frame[treatment])
    chosen = _control(given, treatment, control, notes)
    enough = _enough(given, treatment, chosen, notes)
    frame, given = frame.filter(pl.Series(enough)), given[enough]
    y = _outcome(frame[outcome], notes)
    left = frame.drop({treatment, outcome, *exclude})
    x, columns, categories = _features(left, notes)
    return TrialTable(
        x=x,
        y=y,
        treatment=given,
        control=chosen,
        columns=columns,
        categories=categories,
        notes=tuple(notes),
        warnings=(
            *trial_checks.shares(given),
            *trial_checks.balance(x, columns, categories, given),
        ),
    )


def _complete(
    frame: pl.DataFrame, treatment: str, outcome: str, notes: list[str]
) -> pl.DataFrame:
    whole = frame.drop_nulls([treatment, outcome])
    if lost := len(frame) - len(whole):
        notes.append(f"{lost:,} rows without {treatment} or {outcome} were left out")
    if len(whole) < LEAST_ROWS:
        raise Unusable(
            f"{len(whole)} rows have {treatment} and {outcome};"
            f" at least {LEAST_ROWS} are needed"
        )
    return whole


def _outcome(column: pl.Series, notes: list[str]) -> Floats:
    """Return numbers as they are; of words, 1 for yes and 0 for no."""
    if column.dtype == pl.String:
        y = _words(column, notes)
    else:
        y = np.array(column.cast(pl.Float64).to_numpy(), np.float64)
    if not np.isfinite(y).all():
        raise Unusable(f"the outcome {column.name} has values that are no numbers")
    found = np.unique(y)
    if len(found) < 2:
        raise Unusable(f"the outcome {column.name} is {found[0]:g} in every row")
    # Two values are a kind each; of numbers what counts is that they are not 0.
    low, *others = found.tolist() if len(found) == 2 else (0.0,)
    count = int((y != low).sum())
    if min(count, len(y) - count if others else count) < LEAST_OUTCOMES:
        raise Unusable(
            f"the outcome {column.name} is not {low:g} in {count} of {len(y)} rows;"
            f" at least {LEAST_OUTCOMES} of either kind are needed"
        )
    if others and (low, *others) != (0.0, 1.0):
        told = f"{column.name} is {low:g} or {others[0]:g}, measured as a number"
        notes.append(told)
    return y


def _words(column: pl.Series, notes: list[str]) -> Floats:
    text = column.str.strip_chars().str.to_lowercase()
    values = set(text.unique())
    if not values <= YES | NO:
        shown = ", ".join(sorted(values)[:5])
        raise Unusable(f"the outcome {column.name} is no number: {shown} …")
    yes, no = (" and ".join(sorted(values & kind)) for kind in (YES, NO))
    notes.append(
        f"{column.name}: {yes or 'nothing'} counts as 1, {no or 'nothing'} as 0"
    )
    return np.array(text.is_in(list(YES)).to_numpy(), np.float64)


def _labels(column: pl.Series) -> Texts:
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    text = column.cast(pl.String).str.strip_chars()
    if column.dtype.is_float():
        # One slip of 0.5 must not make another arm of every 0.
        text = text.str.strip_suffix(".0")
    return np.array(text.to_list(), np.str_)


def _control(given: Texts, name: str, asked: str | None, notes: list[str]) -> str:
    found, counts = np.unique(given, return_counts=True)
    shown = ", ".join(found[:8])
    if len(found) < 2:
        raise Unusable(f"{name} has one arm only ({shown}): nothing to compare")
    if len(found) > MOST_ARMS:
        raise Unusable(
            f"{name} has {len(found):,} different values ({shown} …):"
            f" is it the treatment? At most {MOST_ARMS} arms can be told apart"
        )
    if asked is not None:
        if asked not in found:
            raise Unusable(f"{name} is never {asked!r}; it is one of {shown}")
        return asked
    known = {value.lower(): value for value in found}
    for word in CONTROLS:
        if word in known:
            notes.append(f"control is {name} = {known[word]} (or say --control)")
            return str(known[word])
    most = str(found[counts.argmax()])
    notes.append(f"control is {name} = {most}, the most frequent (or say --control)")
    return most


def _enough(given: Texts, name: str, control: str, notes: list[str]) -> Bools:
    """Return which rows are of arms that have enough of them; tell of the others."""
    found, counts = np.unique(given, return_counts=True)
    few = found[counts < LEAST_OF_ARM].tolist()
    sizes = dict(zip(found.tolist(), counts.tolist(), strict=True))
    shown = ", ".join(f"{arm} (rows: {sizes[arm]})" for arm in few)
    needed = f"at least {LEAST_OF_ARM} rows of an arm are needed"
    if control in few:
        shown = f"{control} (rows: {sizes[control]})"
        raise Unusable(f"the control is {shown}; {needed} (or say --control)")
    if len(few) == len(found) - 1:
        raise Unusable(f"nothing to compare {control} with: {shown}; {needed}")
    if few:
        notes.append(f"arms of {name} were left out: {shown}; {needed}")
    return ~np.isin(given, few)


def _features(
    frame: pl.DataFrame, notes: list[str]
) -> tuple[Floats, tuple[str, ...], tuple[int, ...]]:
    columns: list[str] = []
    categories: list[int] = []
    values: list[Floats] = []
    for column in frame:
        if why := _useless(column):
            notes.append(f"{column.name} was left out: {why}")
            continue
        missing = column.null_count()
        if missing:
            notes.append(
                f"{column.name} is missing in {missing:,} rows, which is kept as a fact"
            )
        if not _numeric(column.dtype):
            categories.append(len(columns))
        columns.append(column.name)
        values.append(_numbers(column))
    if not columns:
        raise Unusable("no column is left to tell customers apart by")
    return np.column_stack(values), tuple(columns), tuple(categories)


def _numeric(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind.is_temporal() or kind == pl.Boolean


def _useless(column: pl.Series) -> str:
    distinct = column.drop_nulls().n_unique()
    # One value or none is two facts: that it is missing may tell.
    if distinct < 2 and not (distinct and column.null_count()):
        return "it is the same in every row"
    if column.dtype.is_nested():
        return "it holds lists"
    rows = len(column)
    if not _numeric(column.dtype) and distinct > rows / 2:
        return "nearly every row has a value of its own"
    # Of whole numbers alone: what differs in each row with decimals was measured.
    if column.dtype.is_integer() and distinct == rows:
        return "it numbers the rows"
    return ""


def _numbers(column: pl.Series) -> Floats:
    """Return numbers as they are, days of dates, and codes of texts; NaN: missing."""
    if column.dtype.is_temporal():
        column = column.to_physical()
    elif not _numeric(column.dtype):
        column = column.cast(pl.String).rank("dense") - 1
    found = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    # A copy: Polars' own arrays may be read-only.
    found = np.array(found, np.float64)
    found[~np.isfinite(found)] = np.nan
    return found
