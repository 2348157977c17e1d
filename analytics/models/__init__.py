"""Customers, the log, checkpoints, and the projections' tables.

`StoredEvent` is written by `analytics.store` alone; a trigger refuses every change but
those of `analytics.leaving`. `Profile`, `Affinity` and `Tally` are projections: never
write them by hand, `rebuild` counts them again.
"""

from analytics.models.clocks import Clock, Due
from analytics.models.customers import EVERYBODY, Customer, Erasure, Suppressed
from analytics.models.keys import ApiKey, Rejection, WrongKey
from analytics.models.log import Archive, ArchivedId, StoredEvent
from analytics.models.projections import (
    Affinity,
    Assignment,
    Checkpoint,
    Exposure,
    Hour,
    Outcome,
    Profile,
    Tally,
    UnitCost,
)

__all__ = [
    "EVERYBODY",
    "Affinity",
    "ApiKey",
    "Archive",
    "ArchivedId",
    "Assignment",
    "Checkpoint",
    "Clock",
    "Customer",
    "Due",
    "Erasure",
    "Exposure",
    "Hour",
    "Outcome",
    "Profile",
    "Rejection",
    "StoredEvent",
    "Suppressed",
    "Tally",
    "UnitCost",
    "WrongKey",
]
