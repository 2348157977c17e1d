"""A shop that has just connected: sixty customers, some frequent, some rare."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from analytics import store
from analytics.models import Customer
from ml import training
from ml.models import TrainingRun
from tests.ml.conftest import CATEGORIES, START, key, order

OFTEN = 20
"""So many of the customers come every other day, the others once in three weeks."""


def opened(*, days: int, people: int = 60, seed: int = 7) -> list[UUID]:
    """Fill the log with so many days; return the customers, the frequent ones first."""
    chance = np.random.default_rng(seed)
    keys = [key(number) for number in range(people)]
    Customer.objects.bulk_create(
        Customer(key=one, external_id=f"c-{number}") for number, one in enumerate(keys)
    )
    share = np.linspace(0.5, 0.1, len(CATEGORIES))
    facts = [
        order(
            one,
            START + timedelta(days=day, hours=9, minutes=number),
            [CATEGORIES[i] for i in np.flatnonzero(chance.random(len(share)) < share)]
            or [CATEGORIES[0]],
        )
        for day in range(days)
        for number, one in enumerate(keys)
        if chance.random() < (0.5 if number < OFTEN else 0.05)
    ]
    store.append_new(facts)
    return keys


def after(days: int) -> datetime:
    return START + timedelta(days=days, hours=3)


def trained(days: int, **more: Any) -> dict[str, Any]:
    run = TrainingRun.objects.create(requested_by="olga", **more)
    report = training.train(run=run, at=after(days), report=lambda *_: None)
    run.report, run.state = report, TrainingRun.State.SUCCEEDED
    run.save()
    return report
