"""Customers drawn into arms by lot, whose answers to an offer are planted."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ml import lift_fits, lifts
from ml.lift_rows import Group
from ml.lifts import Floats, Posterior, Prior, What, Who

PRIOR = Prior(lift=0.4, error=0.3, depth=0.1, basis="assumed", leaning={})
SEGMENTS = ("deal_seeker", "loyal", "lost")
Truth = Callable[[Who, What], Floats]


def who(rng: np.random.Generator, size: int) -> Who:
    p0 = rng.beta(1.5, 6, size)
    traits = np.column_stack([lifts.logit(p0) / 2 + 1, rng.normal(size=size)])
    return Who(p0=p0, segment=rng.choice(SEGMENTS, size).tolist(), traits=traits)


def what(depth: float = 0.1, scope: str = "TEA") -> What:
    return What(kind="percentage", scope=[scope], depth=depth)


def arms(truth: Truth, *, size: int, seed: int, off: float = 0.0) -> list[Group]:
    """Draw a menu of three depths, and a holdout, for two categories."""
    rng = np.random.default_rng(seed)
    made: list[Group] = []
    count = 0
    for scope in ("TEA", "WINE"):
        for depth, share in ((0.05, 0.3), (0.10, 0.3), (0.15, 0.3), (None, 0.1)):
            some, offer = who(rng, int(size * share)), what(depth or 0.1, scope)
            b = truth(some, offer) if depth else 0.0
            bought, weeks = watched(rng, some.p0, off + b)
            made.append(
                Group(
                    who=some,
                    what=offer,
                    treated=depth is not None,
                    weeks=weeks,
                    bought=bought,
                    person=count + np.arange(len(bought)),
                    elsewhere=nothing(len(bought)),
                )
            )
            count += len(bought)
    return made


def nothing(size: int) -> tuple[Floats, Floats]:
    """Return what says nothing of purchases elsewhere."""
    return np.zeros(size), np.zeros(size)


def watched(
    rng: np.random.Generator, p0: Floats, b: Floats | float
) -> tuple[Floats, Floats]:
    """Draw each week anew, until somebody buys or a horizon is over."""
    w = lifts.expit(lifts.logit(lifts.weekly(p0)) + b)
    took = rng.geometric(w)
    return (took <= lifts.WEEKS).astype(float), np.minimum(took, lifts.WEEKS)


def by_segment(**levels: float) -> Truth:
    return lambda some, _: np.array([levels[name] for name in some.segment])


def one(segment: str) -> Who:
    return Who(p0=np.array([0.2]), segment=[segment], traits=np.zeros((1, 2)))


def crowd(
    rng: np.random.Generator,
    people: int,
    *,
    b: Floats | float,
    elsewhere: Floats | float = 1.0,
    treated: bool = True,
    first: int = 0,
) -> Group:
    """Draw customers, numbered from `first`; elsewhere they buy so much of what was
    expected."""
    p0, expected = rng.beta(2, 5, people), rng.uniform(1, 8, people)
    bought, weeks = watched(rng, p0, b)
    return Group(
        who=replace(who(rng, people), p0=p0),
        what=what(),
        treated=treated,
        weeks=weeks,
        bought=bought,
        person=first + np.arange(people),
        elsewhere=(rng.poisson(expected * elsewhere).astype(float), expected),
    )


def spread(found: lift_fits.Taught, people: int) -> float:
    """Return how far customers' believed answers differ."""
    everybody = Who(
        p0=np.full(people, 0.2),
        segment=["loyal"] * people,
        traits=np.zeros((people, 2)),
        types=found.types,
    )
    return float(lift(found.posterior, everybody, what()).std())


def lift(found: Posterior, some: Who, offer: What) -> Floats:
    """Return each customer's expected b."""
    theta = np.concatenate([found.mean, [0.0, 0.0]])[None]
    mean = found.drawn(some, offer, theta)[0]
    return np.asarray(mean + found.weights(some) @ found.shifts(offer))
