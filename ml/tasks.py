"""Background work: training on request and by night, scores, elasticities.

A training holds a row, `TrainingRun`, and moves it by conditional updates, so a message
delivered twice trains once. A worker that is killed leaves its run "running" without a
heartbeat; its message, delivered again, takes it up where it stopped, and any other
training, or the night, marks it failed. The heartbeat moves between
steps, so no step may take longer than STALE. What follows a training writes into its
row what went wrong, where operators and `make run` look.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery import Task, current_app, shared_task
from django.db import IntegrityError, OperationalError, transaction

from analytics import clock
from analytics.wording import Wording
from ml import (
    demand,
    indexing,
    judging,
    opinions,
    outlook,
    picturing,
    profiling,
    quality,
    recommending,
    registry,
    response,
    scoring,
    shortlists,
    splits,
    training,
)
from ml.models import PROPENSITY, RANKING, TrainedModel, TrainingRun

State = TrainingRun.State
STALE = timedelta(minutes=10)
RECOMMENDED = "recommendations"
RETRIED: dict[str, Any] = {
    "ignore_result": True,
    "autoretry_for": (OperationalError,),
    "max_retries": 3,
    "retry_backoff": 10,
}


@shared_task(bind=True, ignore_result=True, max_retries=30)
def retrain(self: "Task[..., None]", *, run: str) -> None:
    """Train once for the run, then have demand measured and everybody scored.

    While another training runs, this one comes back every minute for half an hour. A
    message that comes again because its worker was killed waits until the run has no
    pulse any more, then goes on with what was finished (ml.unfinished).
    """
    # Before fail_stale, which would mark this very run failed. The process's clock: in
    # demo mode the shop's may leap by weeks.
    _wake(run, at=clock.wall())
    fail_stale(at=clock.wall())
    if TrainingRun.objects.filter(pk=run, state=State.RUNNING).exists():
        raise self.retry(countdown=60)
    try:
        # Two that look at once both see none running: run_one_running refuses the
        # second.
        claimed = _claimed(run)
    except IntegrityError as error:
        raise self.retry(countdown=60) from error
    if not claimed:
        return
    try:
        report = training.train(
            run=TrainingRun.objects.get(pk=run),
            at=clock.now(),
            report=partial(_beat, run),
        )
    except (splits.TooLittleHistory, quality.BadData) as reason:
        _finish(run, state=State.FAILED, error=str(reason))
        if isinstance(reason, splits.TooLittleHistory):
            # Of a shop without categories, or a small one, products can be ranked.
            current_app.send_task("ml.tasks.recommend", kwargs={"run": run})
        _go_on()
        return
    except Exception as error:
        _finish(run, state=State.FAILED, error=f"{type(error).__name__}: {error}")
        _go_on()
        raise
    # Before what follows is sent: that writes into this report.
    _finish(run, state=State.SUCCEEDED, report=report)
    # Offers wait for the scores; then the longest, beside which the others run.
    for name in ("score", "recommend", "profile", "measure_demand"):
        current_app.send_task(f"ml.tasks.{name}", kwargs={"run": run})
    registry.prune(at=clock.now())


def _go_on() -> None:
    """Score and profile all the same, with the champion of before, if there is one."""
    if TrainedModel.objects.filter(task=PROPENSITY, promoted_at__isnull=False).exists():
        current_app.send_task("ml.tasks.score")
    # These need no model.
    for name in ("profile", "measure_demand"):
        current_app.send_task(f"ml.tasks.{name}")


class Followed(Task):  # type: ignore[type-arg]
    """A task after a training; Celery calls `on_failure` once it is not tried again."""

    def on_failure(
        self, exc: Any, task_id: Any, args: Any, kwargs: Any, _: Any
    ) -> None:
        _note(kwargs.get("run"), f"{self.name}: {type(exc).__name__}: {exc}")


@shared_task(base=Followed, **RETRIED)
def recommend(run: str) -> None:
    """Train the ranker of products once for the run, then write all shortlists.

    While no ranker is in charge, they are favourites and best sellers.
    """
    lacking = ""
    if not TrainedModel.objects.filter(run_id=UUID(run), task=RANKING).exists():
        try:
            recommending.train(run=TrainingRun.objects.get(pk=run), at=clock.now())
        except recommending.TooFewOrders as reason:
            lacking = str(reason)
        except IntegrityError:
            pass  # delivered twice: the other one has stored this run's ranker
    try:
        shortlists.shortlist(at=clock.now())
    except registry.NoChampion:
        shortlists.shortlist_favourites(at=clock.now())
        why = lacking or Wording("The ranker did not beat own favourites.")
        _remark(
            run,
            RECOMMENDED,
            Wording("Favourites and best sellers are recommended. %(why)s", why=why),
        )
    else:
        if lacking:
            _remark(
                run,
                RECOMMENDED,
                Wording("The ranker of before stays. %(lacking)s", lacking=lacking),
            )


@shared_task(base=Task, **RETRIED)
def shortlist() -> None:
    """Write all shortlists with the ranker in charge."""
    shortlists.shortlist(at=clock.now())


@shared_task(base=Followed, **RETRIED)
def score(run: str | None = None) -> None:
    """Score everybody with the champion, then have the offers formed again."""
    try:
        scoring.score(at=clock.now())
    except registry.NoChampion:
        _remark(
            run, "scores", Wording("Nobody is scored: no model has been promoted yet.")
        )
        return
    # By name: ml knows nothing of promotions.
    current_app.send_task("promotions.tasks.refresh_offers")


@shared_task(base=Followed, **RETRIED)
def measure_demand(run: str | None = None) -> None:
    """Measure every category's elasticity, and past campaigns' response, again."""
    demand.refresh(at=clock.now())
    current_app.send_task("ml.tasks.forecast", kwargs={"run": run})
    if response.refresh(at=clock.now()) is None:
        why = "No response is known: the log holds no past campaign to learn by."
        _remark(run, "response", why)


@shared_task(base=Followed, **RETRIED)
def forecast(run: str | None = None) -> None:
    """Forecast demand by week, of every category and product, again."""
    outlook.refresh(at=clock.now())


@shared_task(base=Followed, **RETRIED)
def profile(run: str | None = None) -> None:
    """Profile every customer again; twice on the same log changes nothing."""
    profiling.refresh(at=clock.now())


@shared_task(ignore_result=True)
def read_listings() -> None:
    """Read what has changed in products' listings; safe at any time."""
    indexing.refresh()
    picturing.refresh()


@shared_task(ignore_result=True)
def nightly() -> None:
    """Ask for a training; a run that still waits in the queue is asked for again."""
    fail_stale(at=clock.wall())
    run = TrainingRun.objects.filter(state=State.QUEUED).first()
    run = run or TrainingRun.objects.create(
        requested_by=Wording("the nightly schedule")
    )
    current_app.send_task("ml.tasks.retrain", kwargs={"run": str(run.pk)})


def fail_stale(*, at: datetime) -> int:
    """Mark runs failed whose worker has died; return how many."""
    running = TrainingRun.objects.filter(state=State.RUNNING)
    return running.filter(heartbeat_at__lt=at - STALE).update(
        state=State.FAILED,
        finished_at=at,
        error=Wording("The worker stopped half-way."),
    )


def _wake(run: str, *, at: datetime) -> None:
    """Queue a run again whose worker has died."""
    dead = TrainingRun.objects.filter(pk=run, state=State.RUNNING)
    dead.filter(heartbeat_at__lt=at - STALE).update(state=State.QUEUED)


def _claimed(run: str) -> bool:
    """Move the run from queued to running; False when it is not queued any more."""
    now = clock.wall()
    with transaction.atomic():
        queued = TrainingRun.objects.filter(pk=run, state=State.QUEUED)
        # One statement: of two who claim a run at once one finds no row.
        return bool(
            queued.update(state=State.RUNNING, started_at=now, heartbeat_at=now)
        )


def _beat(run: str, step: str, done: int, total: int) -> None:
    running = TrainingRun.objects.filter(pk=run, state=State.RUNNING)
    running.update(heartbeat_at=clock.wall(), step=step, done=done, total=total)


def _note(run: str | None, error: str) -> None:
    if run:
        TrainingRun.objects.filter(pk=run).update(error=error)


def _remark(run: str | None, about: str, remark: str) -> None:
    """Say it in the run's report: no failure, but an operator should know."""
    if not run:
        return
    with transaction.atomic():
        # Followers run side by side, and each adds to what the others wrote.
        row = TrainingRun.objects.select_for_update().get(pk=run)
        row.report = {**row.report, about: remark}
        row.save(update_fields=["report"])


def _finish(run: str, *, state: State, **values: Any) -> None:
    running = TrainingRun.objects.filter(pk=run, state=State.RUNNING)
    running.update(state=state, finished_at=clock.wall(), step="", **values)


@shared_task(**RETRIED)  # type: ignore[untyped-decorator]
def judge() -> None:
    """Judge the texts that wait, and count them; safe at any time, and twice."""
    if judging.judge(at=clock.now()):
        opinions.catch_up()


@shared_task(**RETRIED)  # type: ignore[untyped-decorator]
def watch_opinions() -> None:
    """Look for surges of bad opinion, and for their end; safe to run twice."""
    opinions.catch_up()
    opinions.watch(at=clock.now())
