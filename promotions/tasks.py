"""Background work on offers and proposals."""

from contextlib import suppress
from datetime import timedelta

from celery import shared_task

from analytics import clock
from promotions import (
    backtest,
    backtest_runs,
    bandit,
    clearances,
    conversations,
    deliveries,
    denials,
    experience,
    fraud,
    hindsight,
    measurement,
    price_outcomes,
    price_proposals,
    quarter_plans,
    standing,
    strategies,
    supply,
    targeting,
)
from promotions.models import Guesser, Receipt, Reservation

KEEP_RECEIPTS = timedelta(days=30)
"""No client retries for so long; an order redeems a strategy once anyway."""


@shared_task(ignore_result=True)
def forget_deliveries() -> None:
    """Delete old deliveries, and whom nobody suspects any more."""
    now = clock.wall()
    deliveries.forget(before=now - deliveries.KEEP)
    # By the machine's clock, as deliveries and
    # pauses are: a simulated shop's runs ahead.
    Guesser.objects.filter(last_at__lt=now - deliveries.KEEP).delete()


@shared_task(ignore_result=True)
def refresh_offers() -> None:
    """Compute every customer's offers; safe at any time and any number of times."""
    targeting.refresh(at=clock.now())


@shared_task(ignore_result=True)
def forget_receipts() -> None:
    """Delete old answers, carts and refusals, which tell of customers; backtests."""
    old = clock.now() - KEEP_RECEIPTS
    backtest_runs.forget(before=clock.now() - backtest_runs.KEEP)
    denials.forget(before=clock.now() - denials.KEEP)
    conversations.forget(at=clock.now())
    Receipt.objects.filter(created_at__lt=old).delete()
    # What is held is still money: it expires first, and is forgotten then.
    done = Reservation.objects.exclude(state=Reservation.State.HELD)
    done.filter(expires_at__lt=old).delete()


@shared_task(ignore_result=True)
def look_for_fraud() -> None:
    """Count the signs of fraud; alerts show them until the next look."""
    fraud.look(at=clock.now())


@shared_task(ignore_result=True)
def measure() -> None:
    """Count again what each strategy has earned, set odds, heed the standing rules."""
    now = clock.now()
    measured = measurement.refresh(until=now)
    # After the sums, which odds are made of.
    bandit.set_odds(at=now)
    standing.act(at=now)
    hindsight.refresh(measured, until=now)
    price_outcomes.refresh(at=now)


@shared_task(ignore_result=True)
def count_stock() -> None:
    """Count anew how long the stock lasts; propose to stop what runs short."""
    now = clock.now()
    if supply.refresh(at=now):
        standing.propose_stops(at=now)


@shared_task(ignore_result=True)
def clear() -> None:
    """Propose mark-downs of what is too much or will expire; plan anew what runs."""
    clearances.propose(at=clock.now())


@shared_task(ignore_result=True)
def learn() -> None:
    """Learn from all arms how customers answer offers; safe to run twice."""
    experience.refresh(at=clock.now())


@shared_task(ignore_result=True)
def propose() -> None:
    """Propose strategies from the newest scores; before any, there is nothing to do."""
    with suppress(strategies.NothingLearnt):
        strategies.propose(at=clock.now())


@shared_task(ignore_result=True)
def propose_prices() -> None:
    """Propose the best prices of the categories that gain most."""
    price_proposals.propose(at=clock.now())


@shared_task(ignore_result=True)
def price_quarters() -> None:
    """Price what stands in the quarters' plans, ahead of whoever opens one."""
    quarter_plans.price_ahead(at=clock.now())


@shared_task(ignore_result=True)
def review() -> None:
    """Try the proposals that wait for it on past baskets; safe to run twice."""
    for strategy in backtest.waiting(at=clock.now()):
        backtest.review(strategy, at=clock.now())


@shared_task(ignore_result=True)
def try_on_past_weeks() -> None:
    """Go on with the backtests that wait, for half a minute; safe to run twice."""
    backtest_runs.run()
