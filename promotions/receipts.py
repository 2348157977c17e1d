"""The answer to an Idempotency-Key, given again when the call is retried."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from analytics import clock, lookup
from analytics.races import anew
from promotions.models import Receipt

Body = dict[str, Any]
SHOP = UUID(int=0)
"""Holds the receipts of orders: an order is the shop's, whichever key it comes by."""


class KeyReused(Exception):
    """The Idempotency-Key came before with another request."""


def once(
    *, caller: UUID, key: str, request: bytes, do: Callable[[], Body]
) -> tuple[Body, bool]:
    """Run `do` once for the key; return its answer and whether this is a repeat.

    Two calls at the same time: the second waits for the first on the receipt's row.

    :raises KeyReused: the key came before with another request.
    """
    digest = hashlib.sha256(request).hexdigest()
    # Who loses a deadlock has left nothing behind:
    # it is begun anew, not told as an error.
    return anew(lambda: _once(caller, _hashed(key), digest, do))


def lock(*, caller: UUID, key: str) -> None:
    """Wait for whoever is at it; inside a transaction."""
    rows = Receipt.objects.filter(caller=caller, key=_hashed(key))
    list(rows.select_for_update().values_list("key"))


def forget(*, caller: UUID, key: str) -> None:
    """Let the key be used anew. The row stays: somebody may wait for it."""
    Receipt.objects.filter(caller=caller, key=_hashed(key)).update(body=None)


LOCK = (
    "INSERT INTO promotions_receipt (caller, key, digest, created_at)"
    " VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (caller, key) DO UPDATE SET key = excluded.key"
    " RETURNING digest, body::text"
)
"""Makes the row or waits for it and locks it: nobody can delete it in between."""
ANSWER = (
    "UPDATE promotions_receipt SET body = %s::jsonb, digest = %s"
    " WHERE caller = %s AND key = %s RETURNING key"
)


def _once(
    caller: UUID, key: str, digest: str, do: Callable[[], Body]
) -> tuple[Body, bool]:
    with transaction.atomic():
        [(known, answered)] = lookup.rows(LOCK, [caller, key, digest, clock.now()])
        if answered is not None:
            # Only an answered receipt refuses: of one
            # that was forgotten the digest is set anew.
            if known != digest:
                raise KeyReused(
                    "This Idempotency-Key came before with another request."
                )
            return json.loads(answered), True
        # `do` appends, and one more write follows. It may: nobody can wait on this row
        # while holding what we need, since every call takes its receipt first.
        body = do()
        lookup.rows(ANSWER, [json.dumps(body), digest, caller, key])
        return body, False


def _hashed(key: str) -> str:
    """An order's id may tell of its customer: it is not kept as it is."""
    return hashlib.sha256(key.encode()).hexdigest()
