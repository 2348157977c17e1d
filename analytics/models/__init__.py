"""Customers, the log, checkpoints, and the projections' tables.

`StoredEvent` is written by `analytics.store` alone; a trigger refuses every other
change. `Profile`, `Affinity` and `Tally` are projections: never write them by hand,
`rebuild` counts them again.
"""

from analytics.models.customers import EVERYBODY, Customer, Suppressed, Erasure
from analytics.models.log import StoredEvent, Archive, ArchivedId
from analytics.models.clocks import Clock, Due
from analytics.models.projections import (
    Checkpoint,
    Profile,
    Affinity,
    Assignment,
    Exposure,
    Outcome,
    UnitCost,
    Tally,
    Hour,
)
from analytics.models.keys import ApiKey, Rejection, WrongKey

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
