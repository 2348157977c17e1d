"""Who is in which arm, decided by a hash.

GrowthBook's rules and hash, so that any SDK of that family gives a unit the same arm
offline from the document that `feature` writes. The hash runs over UTF-16 code units,
not UTF-8 bytes; the published vectors are all ASCII and do not show it. Version 1 is
only for namespaces: seeds that differ a little give the same unit related places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from struct import unpack
from typing import Any

Range = tuple[float, float]
"""Places from the first (inclusive) to the second (exclusive), both within 0 and 1."""
Namespace = tuple[str, float, float]
"""Its name, and the part of it that is the experiment's own."""


class UnknownHash(ValueError):
    """There are the hash's versions 1 and 2."""


def hashed(unit: str, *, seed: str, version: int = 2) -> float:
    """Return the unit's place in [0, 1), in steps of 0.0001 (version 1: 0.001).

    Raises UnknownHash.
    """
    if version == 2:
        return _fnv1a32(str(_fnv1a32(seed + unit))) % 10000 / 10000
    if version == 1:
        return _fnv1a32(unit + seed) % 1000 / 1000
    raise UnknownHash(version)


def _fnv1a32(text: str) -> int:
    """FNV-1a of 32 bits over UTF-16 code units, as JavaScript counts characters."""
    # Half a pair is a character to JavaScript, and to the SDKs' hash.
    raw = text.encode("utf-16-le", "surrogatepass")
    # FNV's offset basis; 0x01000193 is its prime.
    value = 0x811C9DC5
    for unit in unpack(f"<{len(raw) // 2}H", raw):
        value = (value ^ unit) * 0x01000193 & 0xFFFFFFFF
    return value


def ranges(
    weights: Sequence[float] | None, coverage: float = 1.0, *, arms: int | None = None
) -> list[Range]:
    """Return each arm's places: of its weight's share, the part that is covered.

    An arm's places begin where they would at full coverage, so more coverage moves
    nobody. Coverage is held within 0 and 1. Weights that are not of `arms` arms, are
    negative or do not add up to 1 ± 0.01 count as equal.
    """
    count = len(weights or ()) if arms is None else arms
    fitting = weights if weights and _fit(weights, count) else _equal(count)
    coverage, start, found = min(max(coverage, 0.0), 1.0), 0.0, []
    for weight in fitting:
        found.append((start, start + coverage * weight))
        start += weight
    return found


def _equal(arms: int) -> list[float]:
    return [1 / arms for _ in range(arms)]


def _fit(weights: Sequence[float], arms: int) -> bool:
    fine = all(isfinite(weight) and weight >= 0 for weight in weights)
    return fine and len(weights) == arms and 0.99 <= sum(weights) <= 1.01


def pick(place: float, ranges: Sequence[Range]) -> int:
    """Return which of the ranges holds the place, the first if several; -1 if none."""
    # Half-open: a place on the border of two arms is in one of them.
    for number, (start, end) in enumerate(ranges):
        if start <= place < end:
            return number
    return -1


def inside(unit: str, namespace: Namespace) -> bool:
    """Say whether a unit is in the experiment's part of a namespace."""
    return Filter.of(namespace).keeps(unit)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Keeps the units whose places, by a seed of its own, lie in one of the ranges.

    A global holdout is the filter that all experiments share.
    """

    seed: str
    ranges: Sequence[Range]
    version: int = 2

    @classmethod
    def of(cls, namespace: Namespace) -> "Filter":
        name, start, end = namespace
        return cls(seed=f"__{name}", ranges=[(start, end)], version=1)

    def keeps(self, unit: str) -> bool:
        place = hashed(unit, seed=self.seed, version=self.version)
        return pick(place, self.ranges) >= 0


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Arms by weight for the units that filters and namespace let in.

    The seed never changes while it runs. More coverage keeps everybody's arm; other
    weights do not: they need a new seed, or arms remembered by unit.
    """

    seed: str
    arms: Mapping[str, float]
    coverage: float = 1.0
    namespace: Namespace | None = None
    filters: Sequence[Filter] = ()

    @cached_property
    def ranges(self) -> list[Range]:
        return ranges(list(self.arms.values()), self.coverage)

    @cached_property
    def sieves(self) -> list[Filter]:
        """The filters, the namespace as one of them: SDKs heed one or the other."""
        own = [Filter.of(self.namespace)] if self.namespace else []
        return [*self.filters, *own]

    def bucket(self, unit: str) -> float:
        """Return the unit's place in [0, 1), which decides on its arm."""
        return hashed(unit, seed=self.seed)

    def arm(self, unit: str) -> str | None:
        """Return the unit's arm, or None if it is in no arm of this experiment."""
        if not all(sieve.keeps(unit) for sieve in self.sieves):
            return None
        number = pick(self.bucket(unit), self.ranges)
        return list(self.arms)[number] if number >= 0 else None

    def probability(self, arm: str) -> float:
        """Return the chance that a unit which the filters let in gets this arm.

        Raises KeyError for an arm that there is not.
        """
        start, end = dict(zip(self.arms, self.ranges, strict=True))[arm]
        return end - start


def feature(
    experiment: Experiment,
    *,
    key: str,
    attribute: str = "id",
    values: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write an experiment as a feature of GrowthBook's SDK payload.

    The document is `{"features": {key: feature(...)}}`. A unit gets its arm's value, by
    default the arm's name; outside the experiment it gets null. `attribute` is what
    the shop calls the unit's id. Namespaces are written as filters, which mean the
    same: an SDK that finds filters does not look at a namespace.
    """
    arms = list(experiment.arms)
    rule: dict[str, Any] = {
        "key": key,
        "seed": experiment.seed,
        "hashAttribute": attribute,
        "hashVersion": 2,
        "variations": [values[arm] for arm in arms] if values else arms,
        "meta": [{"key": arm, "name": arm} for arm in arms],
        "weights": list(experiment.arms.values()),
        "coverage": experiment.coverage,
        "ranges": [list(range_) for range_ in experiment.ranges],
    }
    if experiment.sieves:
        rule["filters"] = [_written(sieve, attribute) for sieve in experiment.sieves]
    return {"defaultValue": None, "rules": [rule]}


def _written(sieve: Filter, attribute: str) -> dict[str, Any]:
    return {
        "seed": sieve.seed,
        "ranges": [list(range_) for range_ in sieve.ranges],
        "hashVersion": sieve.version,
        "attribute": attribute,
    }
