"""Send what waits: in order for each endpoint and strategy, and until it is taken.

Only the oldest waiting delivery of an endpoint and strategy goes out; the next follows
when it is taken or given up. It is claimed by moving its next time ahead, committed
before it is posted: a worker that dies half-way sends again after the claim, under the
same id. So every message arrives at least once, and receivers tell by `webhook-id`.
"""

import binascii
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from analytics import clock, races, store
from analytics.events import Unreadable
from promotions import posting, signatures, webhooks
from promotions.models import Delivery, Endpoint
from promotions.posting import Answer

SEND_LOCK = 7_102_022
"""The advisory lock's key: one process sends at a time, many posts at once."""
CLAIM = timedelta(seconds=60)
"""Longer than posting.DEADLINE: no claim ends before its post."""
AT_ONCE = 16
OF_AN_ENDPOINT = 4
FIRST_WAIT, LONGEST_WAIT = 5.0, 4 * 3600.0
MOST_ATTEMPTS = 17
"""Waits of 5 s, doubled up to 4 h: 21.7 h in all, give or take a fifth."""
PATIENCE = timedelta(days=3)
"""An endpoint that takes nothing for so long is switched off."""
KEEP = timedelta(days=30)
State = Delivery.State
Flying = dict["Future[Answer]", Delivery]

# 100,000 waiting, 3 endpoints, 1,000 strategies: 12 ms a look; to sort all, 80.
HEADS = (
    "SELECT due.id FROM promotions_endpoint e CROSS JOIN LATERAL ("
    " WITH RECURSIVE head AS ("
    " (SELECT id, strategy, position, next_at FROM promotions_delivery"
    " WHERE endpoint_id = e.id AND state = 'waiting'"
    " ORDER BY strategy, position LIMIT 1) UNION ALL"
    " SELECT following.* FROM head CROSS JOIN LATERAL ("
    " SELECT id, strategy, position, next_at FROM promotions_delivery"
    " WHERE endpoint_id = e.id AND state = 'waiting' AND strategy > head.strategy"
    " ORDER BY strategy, position LIMIT 1) AS following)"
    " SELECT id, position FROM head WHERE next_at <= %s ORDER BY position LIMIT %s"
    ") AS due WHERE e.active ORDER BY due.position"
)
"""Hops along the index from one strategy's oldest to the next one's, so it costs one
step for each strategy that waits, whatever waits behind it. Of an endpoint no more are
asked for than may fly."""


def run(*, until: datetime) -> int:
    """Send what is due until nothing is, or the time is over; return how many posts."""
    with races.alone(SEND_LOCK) as alone:
        return _send(until) if alone else 0


def wait_after(attempts: int, chance: float) -> float:
    """Return the seconds before the next attempt; `chance` in [0, 1) spreads them."""
    usual = min(FIRST_WAIT * 2.0 ** (attempts - 1), LONGEST_WAIT)
    return usual * (0.8 + 0.4 * chance)


def forget(*, before: datetime) -> None:
    """Delete what was delivered or given up long ago."""
    gone = Delivery.objects.exclude(state=State.WAITING).filter(next_at__lt=before)
    gone.delete()


def _send(until: datetime) -> int:
    posts, flying = 0, Flying()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while clock.wall() < until:
            for delivery in _claimed(flying):
                if call := _prepared(delivery):
                    flying[pool.submit(call)] = delivery
                    posts += 1
            if not flying:
                break
            # No longer: what falls due meanwhile is claimed after it.
            _land(flying, timeout=1.0)
        while flying:
            _land(flying, timeout=None)
    return posts


def _claimed(flying: Flying) -> Iterator[Delivery]:
    """Claim what is due, a few of each endpoint and one where nothing is taken."""
    free = AT_ONCE - len(flying)
    busy = Counter(one.endpoint_id for one in flying.values())
    for delivery in _heads(clock.wall()) if free else ():
        endpoint = delivery.endpoint
        # Those that hang would fill the pool with posts of 15 s each.
        most = 1 if endpoint.failing_since else OF_AN_ENDPOINT
        if free and busy[endpoint.id] < most and _claim(delivery):
            busy[endpoint.id] += 1
            free -= 1
            yield delivery


def _heads(at: datetime) -> list[Delivery]:
    with connection.cursor() as cursor:
        cursor.execute(HEADS, [at, OF_AN_ENDPOINT])
        ids = [row[0] for row in cursor.fetchall()]
    rows = Delivery.objects.filter(id__in=ids).select_related("endpoint")
    return sorted(rows, key=lambda row: row.position)


def _claim(delivery: Delivery) -> bool:
    now = clock.wall()
    mine = Delivery.objects.filter(
        id=delivery.id, state=State.WAITING, next_at__lte=now
    )
    # The row in hand as well: how long to wait goes by it.
    delivery.attempts += 1
    return bool(mine.update(next_at=now + CLAIM, attempts=F("attempts") + 1))


def _prepared(delivery: Delivery) -> Callable[[], Answer] | None:
    """Return the call that posts; it touches no database, since a thread makes it."""
    now, place = clock.wall(), delivery.position
    found = store.read(after=place - 1, until=place, types=webhooks.TYPES)
    try:
        message = webhooks.message(delivery, next(found))
        signed = signatures.headers(
            webhooks.signing(delivery.endpoint, at=now),
            id_=message.id,
            seconds=int(now.timestamp()),
            body=message.body,
        )
    except (StopIteration, Unreadable, binascii.Error) as error:
        # It would fail for ever, and hold up what follows.
        rows = Delivery.objects.filter(id=delivery.id)
        rows.update(state=State.GIVEN_UP, next_at=now, error=repr(error)[:500])
        return None
    headers = {"content-type": "application/json", "user-agent": "Proffer", **signed}
    return partial(
        posting.post,
        delivery.endpoint.url,
        message.body,
        headers,
        private=settings.WEBHOOKS_TO_PRIVATE,
    )


def _land(flying: Flying, *, timeout: float | None) -> None:
    done, _ = wait(flying, timeout=timeout, return_when=FIRST_COMPLETED)
    for future in done:
        _record(flying.pop(future), future.result(), clock.wall())


def _record(delivery: Delivery, answer: Answer, at: datetime) -> None:
    with transaction.atomic():
        if answer.taken:
            changed = {"state": State.DELIVERED, "delivered_at": at, "next_at": at}
            _well(delivery.endpoint_id)
        else:
            changed = _later(delivery, answer, at)
            _ill(delivery.endpoint_id, answer, at)
        Delivery.objects.filter(id=delivery.id, state=State.WAITING).update(
            status=answer.status, error=answer.error, **changed
        )


def _later(delivery: Delivery, answer: Answer, at: datetime) -> dict[str, object]:
    if delivery.attempts >= MOST_ATTEMPTS:
        return {"state": State.GIVEN_UP, "next_at": at}
    usual = wait_after(delivery.attempts, random.random())  # noqa: S311
    asked = min(answer.retry_after, LONGEST_WAIT)
    return {"next_at": at + timedelta(seconds=max(usual, asked))}


def _well(endpoint: UUID) -> None:
    ill = Endpoint.objects.filter(id=endpoint, failing_since__isnull=False)
    ill.update(failing_since=None)


def _ill(endpoint: UUID, answer: Answer, at: datetime) -> None:
    """Note since when it fails; 410 or days of failures switch it off."""
    rows = Endpoint.objects.filter(id=endpoint)
    rows.filter(failing_since=None).update(failing_since=at)
    if answer.status == 410:
        rows.update(active=False)
    rows.filter(failing_since__lt=at - PATIENCE).update(active=False)
