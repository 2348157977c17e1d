"""Instances and plans as files: .npz, and .json for small ones. Pure NumPy.

The format is docs/allocation.md's: each field of `Instance` by its name, budgets and
shares as names with numbers. Nothing is pickled, so a file cannot run code. Errors are
`Invalid`, with the field's name.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
        stock_names=tuple(_names("stock_names", fields.get("stock_names", ()))),
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
        with np.load(path, allow_pickle=False) as read:
            return {name: read[name] for name in read.files}
    except (
        ValueError,
        zipfile.BadZipFile,
        AttributeError,
        TypeError,
        EOFError,
    ) as error:
        raise Invalid("file", f"is no .npz of plain arrays: {error}") from error


def _array(name: str, given: Any, kind: type[np.generic]) -> Any:
    try:
        if isinstance(given, list) and name == "value":
            given = [[-np.inf if one is None else one for one in row] for row in given]
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        raise Invalid(name, "the rows are not of one length, or not numbers") from error
    if name == "value" and array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if not np.issubdtype(array.dtype, kind):
        raise Invalid(name, f"{array.dtype} where {kind.__name__} is wanted")
    return array


def _number(name: str, given: Any) -> float:
    array = np.asarray(given)
    if array.ndim or array.dtype.kind not in "iuf":
        raise Invalid(name, "one number is wanted")
    return float(array)


def _whole(name: str, given: Any) -> int:
    number = _number(name, given)
    if not number.is_integer():
        raise Invalid(name, "a whole number is wanted")
    return int(number)


def _names(name: str, given: Any) -> list[str]:
    if isinstance(given, str) or np.ndim(given) != 1:
        raise Invalid(name, "a list of names is wanted")
    return [str(one) for one in given]


def _numbers(name: str, given: Any) -> Any:
    try:
        return np.asarray(given)
    except ValueError as error:
        raise Invalid(name, "the rows are not of one length, or no numbers") from error


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
    amounts = np.atleast_1d(_numbers(numbers, fields.get(numbers, [])))
    usual = [str(place) for place in range(len(amounts))]
    names = _names(f"{kind}_names", fields.get(f"{kind}_names", usual))
    options = np.shape(fields["value"])[0] if np.ndim(fields["value"]) else 0
    everything = np.ones((len(amounts), options))
    inside = _numbers(f"{kind}_options", fields.get(f"{kind}_options", everything))
    if amounts.dtype.kind not in "iuf" or amounts.ndim != 1:
        raise Invalid(numbers, f"one number for each {kind} is wanted")
    if len(names) != len(amounts):
        raise Invalid(f"{kind}_names", f"{len(amounts)} are wanted")
    if inside.shape != (len(amounts), options) or inside.dtype.kind not in "biuf":
        raise Invalid(f"{kind}_options", f"shape {(len(amounts), options)} is wanted")
    for name, row, amount in zip(names, inside, amounts.tolist(), strict=True):
        yield name, tuple(np.flatnonzero(row).tolist()), amount


def _shares(fields: Mapping[str, Any]) -> tuple[Share, ...]:
    shares = np.atleast_1d(_numbers("shares", fields.get("shares", [])))
    usual = [str(place) for place in range(len(shares))]
    names = _names("share_names", fields.get("share_names", usual))
    if shares.dtype.kind not in "iuf" or shares.ndim != 1:
        raise Invalid("shares", "one number for each group is wanted")
    if len(names) != len(shares):
        raise Invalid("share_names", f"{len(shares)} are wanted")
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
    pairs = np.asarray(fields["pairs"])
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise Invalid("pairs", "(option, customer) numbers are wanted")
    if len(pairs) and (
        pairs.min() < 0 or (pairs.max(axis=0) >= asked.value.shape).any()
    ):
        raise Invalid("pairs", f"beyond the instance's {asked.value.shape}")
    prices = np.asarray(fields["prices"])
    if prices.shape != (asked.rows,) or prices.dtype.kind != "f":
        raise Invalid("prices", f"{asked.rows} numbers are wanted: {asked.names[:9]}")
    if not (np.isfinite(prices).all() and (prices >= 0).all()):
        raise Invalid("prices", "must be finite, and not negative")
    chosen = np.zeros(asked.value.shape, dtype=np.bool_)
    chosen[pairs[:, 0], pairs[:, 1]] = True
    return Stored(
        chosen=chosen,
        prices=prices.astype(np.float64),
        gap=float(fields.get("gap", np.nan)),
        bound=float(fields.get("bound", np.nan)),
        proof=str(fields.get("proof", "dual")),
    )
