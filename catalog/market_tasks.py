"""Heavier work on the market: matching and counting. In the default queue."""

from celery import shared_task

from analytics import clock


@shared_task(ignore_result=True)
def match() -> None:
    """Match what came new; safe at any time and any number of times."""
    from catalog import matching  # scikit-learn

    matching.run(at=clock.now())


@shared_task(ignore_result=True)
def match_anew() -> None:
    """Look again at what no person decided: our catalogue has moved on."""
    from catalog import matching

    matching.run(at=clock.now(), anew=True)


@shared_task(ignore_result=True)
def count_positions() -> None:
    """Count where our prices stand."""
    from catalog import positions

    positions.count(at=clock.now())
