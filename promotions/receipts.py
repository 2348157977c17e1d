"""The answer to an Idempotency-Key, given again when the call is retried."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction

from promotions.models import Receipt

Body = dict[str, Any]
ATTEMPTS = 4
LOST_A_RACE = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
SHOP = UUID(int=0)
"""Holds the receipts of orders: an order is the shop's, whichever key it comes by."""


class KeyReused(Exception):
    """The Idempotency-Key came before with another body."""


def once(
    *, caller: UUID, key: str, request: bytes, do: Callable[[], Body]
) -> tuple[Body, bool]:
    """Run `do` once for the key; return its answer and whether this is a repeat.

    Two calls at the same time: the second waits for the first on the receipt's row.
    A call that PostgreSQL ends to free another from a deadlock left nothing behind, so
    it is made again, `ATTEMPTS` times in all; a call within another leaves that to it.

    :raises KeyReused: the key came before with another request body.
    """
    digest = hashlib.sha256(request).hexdigest()
    for _ in range(0 if connection.in_atomic_block else ATTEMPTS - 1):
        try:
            return _once(caller, key, digest, do)
        except OperationalError as error:
            if not isinstance(error.__cause__, LOST_A_RACE):
                raise
    return _once(caller, key, digest, do)


def forget(*, caller: UUID, key: str) -> None:
    """Let the key be used anew."""
    Receipt.objects.filter(caller=caller, key=key).delete()


def _once(
    caller: UUID, key: str, digest: str, do: Callable[[], Body]
) -> tuple[Body, bool]:
    with transaction.atomic():
        Receipt.objects.bulk_create(
            [Receipt(caller=caller, key=key, digest=digest)], ignore_conflicts=True
        )
        receipt = Receipt.objects.select_for_update().get(caller=caller, key=key)
        if receipt.digest != digest:
            raise KeyReused("This Idempotency-Key came before with another body.")
        if receipt.body is not None:
            return receipt.body, True
        # `do` appends, and one more write follows. It may: nobody can wait on this row
        # while holding what we need, since every call takes its receipt first.
        body = do()
        Receipt.objects.filter(caller=caller, key=key).update(body=body)
        return body, False
