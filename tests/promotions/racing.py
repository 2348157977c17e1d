"""Many calls at once, each over a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

CONNECTIONS = 32


def at_once(some: list[Callable[[], Any]], connections: int = CONNECTIONS) -> list[Any]:
    """Call all, each thread with a connection of its own; raise what one raised."""

    def call(one: Callable[[], Any]) -> Any:
        try:
            return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(connections) as pool:
        return list(pool.map(call, some))
