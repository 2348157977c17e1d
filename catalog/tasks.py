"""Background work on feeds: fetched, looked into, imported, forgotten."""

from celery import shared_task

from analytics import clock
from catalog import intake, levels, reviews


@shared_task(ignore_result=True)
def take_files() -> None:
    """Go on with the files that wait; safe at any time and any number of times."""
    if intake.waiting():
        from catalog import intake_runs  # Polars: this worker is small without

        intake_runs.run()


@shared_task(ignore_result=True)
def forget_feeds() -> None:
    """Drop files after a day, feeds after a month, old days' stock, texts that end."""
    intake.forget(at=clock.now())
    levels.forget(at=clock.now())
    reviews.forget(at=clock.now())


@shared_task(ignore_result=True)
def fetch_sources() -> None:
    """Fetch the market data that are due; safe at any time."""
    from catalog import sources  # its rules of robots are for who fetches alone

    sources.run()
