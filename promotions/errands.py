"""Background work that must not wait for a training: webhooks, codes, reservations.

Its queue has a worker of its own (config/celery.py), which is small because nothing
here imports the learning libraries.
"""

from datetime import timedelta

from celery import shared_task

from analytics import clock
from catalog import feeds, prices
from promotions import batches, deliveries, holds, price_rolls, webhooks

SENDING = timedelta(seconds=20)


@shared_task(ignore_result=True)
def make_codes() -> None:
    """Make the codes of batches that wait, or that a killed worker left half-way."""
    batches.run()


@shared_task(ignore_result=True)
def send_webhooks() -> None:
    """Tell shops of what has happened, for some seconds; the next call goes on."""
    # By the machine's clock: in demo mode the shop's stands still meanwhile.
    until = clock.wall() + SENDING
    while webhooks.catch_up() and clock.wall() < until:
        pass
    deliveries.run(until=until)


@shared_task(ignore_result=True)
def expire_reservations() -> None:
    """Give back what overdue reservations hold; safe twice at once."""
    holds.expire(at=clock.now())


@shared_task(ignore_result=True)
def roll_prices() -> None:
    """Put prices into force that begin, and out of it; safe at any time, and twice."""
    now = clock.now()
    price_rolls.roll(at=now)
    feeds.believe(at=now)
    prices.refresh(at=now)
