"""The log's lock: shared by all who write, alone for whoever must see it at rest.

Writers hold it until they commit, so whoever gets it alone, for an instant
(store.high_water) or for a transaction, knows that none is half-way.
"""

from analytics import lookup

LOG_LOCK = 7_102_017
"""The advisory lock's key. A public constant: never reuse it for anything else."""


def hold() -> None:
    """Hold the log's lock, shared, until the transaction ends.

    Who looks something up before `append_new` and relies on it must look after this: an
    erasure takes the lock for itself.
    """
    lookup.rows("SELECT pg_advisory_xact_lock_shared(%s)", [LOG_LOCK])


def hold_alone() -> None:
    """Hold the log's lock alone until the transaction ends.

    Who writes at this moment is waited for; who comes later waits for us.
    """
    lookup.rows("SELECT pg_advisory_xact_lock(%s)", [LOG_LOCK])
