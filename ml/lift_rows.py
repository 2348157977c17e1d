"""What a lot gave to whom and what they bought, as the rows of one regression.

What customers buy elsewhere tells two things. Whoever buys more there than was expected
does so in scope too, offer or not: that is no answer, and is taken off (a negative
control; Lipsitch et al. 2010). And where all who are addressed buy less than who is
held back from everything, addressing does that. Both are Poisson counts; those of one
visit come together, and the same ones stand beside all the offers that a customer has
at a time, so a row's counts for less: by its overdispersion (McCullagh and Nelder 1989,
6.2), and by `together`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.lifts import Design, Floats, Ints, Prior, What, Who, logit, weekly

EAGER, ADDRESS = 0.3, 0.05
"""Standard deviations of log purchases: of a customer's, beside what was expected, and
of what being addressed does to them."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Customers whom a lot gave a variant, or nothing (`treated` False).

    `weeks`: how long each was watched; `bought`: in how many of these in scope. An
    offer that is used up ends its customer's time with that week, whole. `person`:
    numbers from 0 that are one customer's in all groups. `elsewhere`: purchases found
    out of scope, and how many were expected; zeros where nothing can be said, such as
    of whom other strategies address.
    """

    who: Who
    what: What
    treated: bool
    weeks: Floats
    bought: Floats
    person: Ints
    elsewhere: tuple[Floats, Floats]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """All groups as one regression: x is [rows, (base, levels, slopes)]."""

    x: Floats
    offset: Floats
    weeks: Floats
    bought: Floats
    person: Ints
    treated: Floats
    deep: Floats
    found: Floats
    expected: Floats

    @property
    def u(self) -> Floats:
        """Return what multiplies a type's (level, slope)."""
        return np.column_stack([self.treated, self.deep])


def design(groups: Sequence[Group]) -> Design:
    return Design(
        kinds=_names(group.what.kind for group in groups),
        segments=_names(name for group in groups for name in group.who.segment if name),
        scopes=_names(name for group in groups for name in group.what.scope),
        traits=groups[0].who.traits.shape[1] if groups else 0,
    )


def without_eager(rows: Rows, together: int) -> Rows:
    """Expect of each person what they buy more than expected elsewhere, shrunk."""
    # Scores that are off for all alike make nobody eager: only who differs is.
    usual = rows.expected * rows.found.sum() / max(float(rows.expected.sum()), 1e-9)
    whole = max(float(usual.sum()), 1e-9)
    # Never below 1: by luck counts may vary less than a Poisson's.
    over = max(1.0, float(((rows.found - usual) ** 2).sum()) / whole)
    weight, persons = 1 / (over * together), int(rows.person.max()) + 1
    found, expected = (
        np.bincount(rows.person, weight * one, persons) for one in (rows.found, usual)
    )
    # The mean of each one's ratio under a Gamma prior of mean 1 and variance EAGER².
    eager = np.log((found + EAGER**-2) / (expected + EAGER**-2))
    return replace(rows, offset=rows.offset + eager[rows.person])


def addressed(rows: Rows) -> float:
    """Return the log of what all the addressed bought elsewhere over all the others.

    Shrunk by its standard error, with persons as clusters (Cochran 1977, 6.4): how much
    they buy differs, and few are never addressed.
    """
    logs, doubts = [], []
    for treated in (1.0, 0.0):
        mine = (rows.treated == treated) & (rows.expected > 0)
        found = np.bincount(rows.person[mine], rows.found[mine])
        expected = np.bincount(rows.person[mine], rows.expected[mine])
        if not (found.sum() > 0 and expected.sum() > 0):
            return 0.0
        ratio = found.sum() / expected.sum()
        off = found - ratio * expected
        logs.append(float(np.log(ratio)))
        # The variance of a ratio's logarithm, linearised.
        doubts.append(float((off**2).sum() / found.sum() ** 2))
    believed = ADDRESS**2 / (ADDRESS**2 + sum(doubts))
    return believed * (logs[0] - logs[1])


def _names(found: object) -> tuple[str, ...]:
    return tuple(sorted(set(found)))  # type: ignore[call-overload]


def rows(groups: Sequence[Group], design: Design, prior: Prior) -> Rows:
    parts, offsets, treated, deeps = [], [], [], []
    for group in groups:
        z = design.z(group.who, group.what)
        deep = group.what.depth / prior.depth if group.treated else 0.0
        # Who is held back has the base part alone: what p0 gets wrong is learnt there,
        # and no offer is credited with it.
        parts.append(np.hstack([z, z * group.treated, z * deep]))
        hint = sum(prior.leaning.get(one, 0.0) for one in group.what.scope)
        # What prices say of categories is an offset: only what lots show beyond it is
        # learnt.
        known = deep * hint / max(1, len(group.what.scope))
        offsets.append(logit(weekly(group.who.p0)) + known)
        treated.append(np.full(len(z), float(group.treated)))
        deeps.append(np.full(len(z), deep))
    return Rows(
        x=np.vstack(parts),
        offset=np.concatenate(offsets),
        weeks=np.concatenate([group.weeks for group in groups]),
        bought=np.concatenate([group.bought for group in groups]).astype(float),
        person=np.concatenate([group.person for group in groups]),
        treated=np.concatenate(treated),
        deep=np.concatenate(deeps),
        found=np.concatenate([group.elsewhere[0] for group in groups]),
        expected=np.concatenate([group.elsewhere[1] for group in groups]),
    )
