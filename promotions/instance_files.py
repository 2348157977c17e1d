"""Instances and plans as files: .npz, and .json for small ones. Pure NumPy.

The format is docs/allocation.md's: each field of `Instance` by its name, budgets and
shares as names with numbers. Nothing is pickled, so a file cannot run code. Errors are
`Invalid`, with the field's name.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promotions.certificates import Certificate
from promotions.instances import (
    Bools,
    Budget,
    Doubles,
    Instance,
    Invalid,
    Return,
    Share,
)

ARRAYS = {
    "value": np.floating,
    "cost": np.number,
    "strategy": np.integer,
    "campaign": np.integer,
    "sku": np.integer,
    "units": np.number,
    "stock": np.number,
    "given": np.integer,
    "most_of_campaign": np.integer,
    "given_of_campaign": np.integer,
    "group": np.integer,
    "audience": np.bool_,
    "promised": np.bool_,
}
BROKEN = (
    *(ValueError, EOFError, MemoryError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What NumPy and zipfile raise for a file that is cut off, or no archive at all."""
NUMBERS = ("most", "least_return")
OTHERS = (
    *("budget_names", "budget_amounts", "budget_options", "share_names", "shares"),
    *("return_names", "returns", "return_options", "stock_names"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """A plan that was saved: who gets what [m, n], prices [J], and what was claimed."""

    chosen: Bools
    prices: Doubles
    gap: float
    bound: float
    proof: str


def load(path: Path) -> Instance:
    """Read an instance. Raises Invalid, or OSError."""
    fields = _fields(path)
    for name in fields.keys() - {*ARRAYS, *NUMBERS, *OTHERS}:
        raise Invalid(name, "is no field of an instance; see docs/allocation.md")
    for name in ("value", "cost"):
        if name not in fields:
            raise Invalid(name, "is missing")
    made: dict[str, Any] = {
        name: _array(name, fields[name], kind)
        for name, kind in ARRAYS.items()
        if name in fields
    }
    if "most" in fields:
        made["most"] = _whole("most", fields["most"])
    if "least_return" in fields:
        made["least_return"] = float(_number("least_return", fields["least_return"]))
    return Instance(
        **made,
        budgets=_budgets(fields),
        returns=_returns(fields),
        shares=_shares(fields),
        stock_names=_names("stock_names", fields.get("stock_names", ())),
    )


def _fields(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".json":
        try:
            read = json.loads(path.read_text())
        except (ValueError, RecursionError) as error:
            raise Invalid("file", f"is no JSON: {error}") from error
        if not isinstance(read, dict):
            raise Invalid("file", "must be a JSON object")
        return read
    try:
        read = np.load(path, allow_pickle=False)
        if isinstance(read, np.lib.npyio.NpzFile):
            with read:
                return {name: read[name] for name in read.files}
    except BROKEN as error:
        raise Invalid("file", f"is no .npz of plain arrays: {error}") from error
    raise Invalid("file", "holds one array without a name; np.savez is wanted")


def _plain(name: str, given: Any) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid(name, "the rows are not of one length, or not numbers") from error


def _array(name: str, given: Any, kind: type[np.generic]) -> Any:
    if name == "value" and isinstance(given, list):
        given = [_unnulled(row) for row in given]
    array = _plain(name, given)
    # A list of whole numbers in JSON comes as integers.
    if name == "value" and array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if not np.issubdtype(array.dtype, kind):
        raise Invalid(name, f"{array.dtype} where {kind.__name__} is wanted")
    # Sums of int64 and uint64 are floats; what wraps is negative, and refused.
    return array.astype(np.int64) if array.dtype == np.uint64 else array


def _unnulled(row: Any) -> Any:
    if not isinstance(row, list):
        return row
    # JSON has no −∞: null stands for it (docs/allocation.md).
    return [-np.inf if one is None else one for one in row]


def _number(name: str, given: Any) -> float:
    array = _plain(name, given)
    if array.ndim or array.dtype.kind not in "iuf":
        raise Invalid(name, "one number is wanted")
    return float(array)


def _whole(name: str, given: Any) -> int:
    number = _number(name, given)
    if not number.is_integer():
        raise Invalid(name, f"a whole number is wanted, not {number:g}")
    return int(number)


def _numbers(name: str, given: Any) -> Doubles:
    """Return a list of numbers; one alone is a list of one."""
    numbers = np.atleast_1d(_plain(name, given))
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
        raise Invalid(name, "a list of numbers is wanted")
    return numbers.astype(np.float64)


def _names(name: str, given: Any, count: int | None = None) -> tuple[str, ...]:
    names = _plain(name, given)
    if names.ndim != 1 or names.dtype.kind == "O":
        raise Invalid(name, "a list of names is wanted")
    if count is not None and len(names) != count:
        raise Invalid(name, f"{count} are wanted")
    return tuple(str(one) for one in names.tolist())


def _budgets(fields: Mapping[str, Any]) -> tuple[Budget, ...]:
    return tuple(
        Budget(name=name, options=options, amount=amount)
        for name, options, amount in _some(fields, "budget", "budget_amounts")
    )


def _returns(fields: Mapping[str, Any]) -> tuple[Return, ...]:
    return tuple(
        Return(name=name, options=options, least=least)
        for name, options, least in _some(fields, "return", "returns")
    )


def _some(
    fields: Mapping[str, Any], kind: str, numbers: str
) -> Iterator[tuple[str, tuple[int, ...], float]]:
    """Yield limits of some options: `…_options` [limits, options] says by 0 and 1."""
    amounts = _numbers(numbers, fields.get(numbers, []))
    count, key = len(amounts), f"{kind}_options"
    called = f"{kind}_names"
    names = _names(called, fields.get(called, range(count)), count)
    # Whether `value` is a matrix is not looked at yet: `Instance` does, and says so.
    options = np.shape(fields["value"])[0] if np.ndim(fields["value"]) else 0
    shape = (count, options)
    inside = _plain(key, fields.get(key, np.ones(shape)))
    plain = inside.dtype.kind in "biuf"
    if inside.shape != shape or not plain or not np.isin(inside, (0, 1)).all():
        raise Invalid(key, f"0 or 1 in the shape {shape} is wanted")
    for name, row, amount in zip(names, inside, amounts.tolist(), strict=True):
        yield name, tuple(np.flatnonzero(row).tolist()), amount


def _shares(fields: Mapping[str, Any]) -> tuple[Share, ...]:
    shares = _numbers("shares", fields.get("shares", []))
    count = len(shares)
    names = _names("share_names", fields.get("share_names", range(count)), count)
    pairs = zip(names, shares.tolist(), strict=True)
    return tuple(Share(name=name, share=share) for name, share in pairs)


def save(path: Path, asked: Instance) -> None:
    """Write an instance as .npz."""
    fields = {name: getattr(asked, name) for name in (*ARRAYS, *NUMBERS)}
    fields |= {
        "budget_names": np.array([one.name for one in asked.budgets], dtype=np.str_),
        "budget_amounts": np.array([one.amount for one in asked.budgets]),
        "budget_options": _inside(asked, asked.budgets),
        "return_names": np.array([one.name for one in asked.returns], dtype=np.str_),
        "returns": np.array([one.least for one in asked.returns], dtype=np.float64),
        "return_options": _inside(asked, asked.returns),
        "stock_names": np.array(asked.stock_names, dtype=np.str_),
        "share_names": np.array([one.name for one in asked.shares], dtype=np.str_),
        "shares": np.array([one.share for one in asked.shares], dtype=np.float64),
    }
    given = {name: one for name, one in fields.items() if one is not None}
    np.savez_compressed(path, **given)


def _inside(asked: Instance, some: Sequence[Budget | Return]) -> Bools:
    inside = np.zeros((len(some), asked.options), dtype=np.bool_)
    for row, one in zip(inside, some, strict=True):
        row[list(one.options)] = True
    return inside


def save_plan(path: Path, chosen: Bools, prices: Doubles, proof: Certificate) -> None:
    """Write a plan as .npz: the pairs that are chosen, prices, and what is claimed."""
    np.savez_compressed(
        path,
        pairs=np.argwhere(chosen).astype(np.int64),
        prices=prices,
        gap=np.float64(proof.gap),
        bound=np.float64(proof.bound),
        proof=np.str_(proof.proof),
    )


def load_plan(path: Path, asked: Instance) -> Stored:
    """Read a plan for this instance. Raises Invalid, or OSError."""
    fields = _fields(path)
    for name in ("pairs", "prices"):
        if name not in fields:
            raise Invalid(name, "is missing from the plan")
    pairs = _plain("pairs", fields["pairs"])
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise Invalid("pairs", "(option, customer) numbers are wanted")
    if len(pairs) and (
        pairs.min() < 0 or (pairs.max(axis=0) >= asked.value.shape).any()
    ):
        raise Invalid("pairs", f"beyond the instance's {asked.value.shape}")
    prices = _plain("prices", fields["prices"])
    if prices.shape != (asked.rows,) or prices.dtype.kind != "f":
        raise Invalid("prices", f"{asked.rows} numbers are wanted: {asked.names[:9]}")
    if not (np.isfinite(prices).all() and (prices >= 0).all()):
        raise Invalid("prices", "must be finite, and not negative")
    chosen = np.zeros(asked.value.shape, dtype=np.bool_)
    chosen[pairs[:, 0], pairs[:, 1]] = True
    return Stored(
        chosen=chosen,
        prices=prices.astype(np.float64),
        # Claims that nobody has to make: --check counts them again.
        gap=_number("gap", fields.get("gap", np.nan)),
        bound=_number("bound", fields.get("bound", np.nan)),
        proof=str(fields.get("proof", "dual")),
    )
