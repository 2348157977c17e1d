"""How many questions somebody may ask within a while: counted in the cache.

Under keyed hashes of the names, as with wrong codes (promotions.guessing); without the
cache nobody is refused.
"""

import logging
from math import ceil
from uuid import UUID

import redis
from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import salted_hmac

from analytics import clock

WINDOW = 300
"""Seconds."""
NAMELESS = 50
"""Times as many for all together who have no name."""
UNREACHABLE = (redis.RedisError, OSError)
log = logging.getLogger(__name__)


def wait(key: UUID, name: str | None) -> int:
    """Count a question; return for how many seconds no more are answered, 0 mostly."""
    most = settings.QUESTIONS_IN_5_MINUTES * (1 if name else NAMELESS)
    # By shop and name; NUL parts them, since no name holds one.
    text = f"{key}\0{name or ''}"
    hashed = salted_hmac("promotions.questions", text, algorithm="sha256").hexdigest()
    counter, now = f"questions:{hashed[:32]}", clock.wall().timestamp()
    try:
        # `add` sets the end of the window once; `incr` leaves it as it is.
        if cache.add(counter, 0, WINDOW):
            cache.set(f"{counter}:until", now + WINDOW, WINDOW)
        if cache.incr(counter) <= most:
            return 0
        until: float = cache.get(f"{counter}:until", now + WINDOW)
    except ValueError:  # it has just expired
        return 0
    except UNREACHABLE as error:
        log.warning("questions are not counted: %s", type(error).__name__)
        return 0
    return max(1, ceil(until - now))
