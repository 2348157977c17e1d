"""The whole loop once: load, learn, propose, approve, offer, shop, measure.

Every step first looks whether it has been done, so a run that was killed goes on where
it stopped, and a second run does nothing twice. Training and offers are made by the
Celery worker, as in real life; this process only asks and waits.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from celery import current_app
from django.contrib.auth.models import User
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from analytics import clock, projections
from analytics.models import StoredEvent
from analytics.sent import event_id
from analytics.wording import Wording
from demo import journey, loading, shop
from ml import scores
from ml.models import CustomerProfile, Score, Shortlist, TrainingRun
from promotions import approval, measurement, strategies
from promotions.models import Strategy

OPERATOR = "operator"
PATIENCE = timedelta(minutes=10)
# All of the demo's, orders and coupons; for the bar alone.
EVENTS = 165_763
Check = Callable[[], None]


class StepFailed(Exception):
    """A step of the loop did not come to its end."""


@dataclass
class Loop:
    """What the run did, for the report."""

    seconds: dict[str, float] = field(default_factory=dict)
    password: str | None = None
    run: TrainingRun | None = None
    proposed: list[Strategy] = field(default_factory=list)
    shopped: list[shop.Visit] = field(default_factory=list)
    measured: dict[UUID, measurement.Result] = field(default_factory=dict)


def load(console: Console) -> Loop:
    """Load the data, before any other process needs the two cores."""
    loop = Loop()
    with _bars(console) as progress:
        _step(loop, progress, "catalogue", _catalogue)
        _step(loop, progress, "history", _history)
        _step(loop, progress, "projections", _projections)
    return loop


def run(loop: Loop, console: Console, address: str, check: Check) -> Loop:
    """Go through every other step; `check` raises when a child process has died."""
    with _bars(console) as progress:
        _step(loop, progress, "training", partial(_training, check=check))
        _step(loop, progress, "proposals", _proposals)
        _step(loop, progress, "approvals", _approvals)
        _step(loop, progress, "offers", partial(_offers, check=check))
        _step(loop, progress, "shopping", partial(_shopping, address=address))
        _step(loop, progress, "measurement", _measurement)
    loop.password = operator_password()
    return loop


class Bar:
    """One step's progress bar."""

    def __init__(self, progress: Progress, name: str) -> None:
        self.progress, self.name = progress, name
        self.task = progress.add_task(name, total=None)

    def total(self, total: int) -> None:
        self.progress.update(self.task, total=total)

    def advance(self, done: int) -> None:
        self.progress.advance(self.task, done)

    def at(self, done: int, total: int, text: str) -> None:
        named = f"{self.name}: {text}" if text else self.name
        self.progress.update(
            self.task, completed=done, total=total or None, description=named
        )

    def finish(self) -> None:
        self.progress.update(
            self.task, total=1, completed=1, description=self.name, refresh=True
        )


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:42}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _step(
    loop: Loop, progress: Progress, name: str, do: Callable[[Loop, Bar], None]
) -> None:
    bar, started = Bar(progress, name), time.perf_counter()
    do(loop, bar)
    loop.seconds[name] = time.perf_counter() - started
    bar.finish()


def _journey() -> journey.Journey:
    """The data moved as the first run moved them, or to now when nothing is there."""
    first, was = journey.first_order()
    known = StoredEvent.objects.filter(id=event_id(first))
    at = known.values_list("occurred_at", flat=True).first()
    return journey.Journey(shift=at - was if at else journey.shift_to(clock.now()))


def _catalogue(loop: Loop, bar: Bar) -> None:
    loading.load_catalogue(_journey(), at=clock.now(), progress=bar.advance)
    loading.load_help(at=clock.now())


def _history(loop: Loop, bar: Bar) -> None:
    if loading.loaded(journey.last_order()[0]):
        return
    bar.total(EVENTS)
    loading.load_history(_journey(), at=clock.now(), progress=bar.advance)


def _projections(loop: Loop, bar: Bar) -> None:
    while max(projections.lag().values()):
        if stopped := projections.stopped():
            raise StepFailed(f"a projection stopped: {stopped}")
        if not projections.catch_up():
            time.sleep(0.2)


def _training(loop: Loop, bar: Bar, check: Check) -> None:
    if not _learnt():
        queued = TrainingRun.objects.create(requested_by=Wording("make run"))
        current_app.send_task("ml.tasks.retrain", kwargs={"run": str(queued.id)})
        mine = TrainingRun.objects.filter(id=queued.id)
        _wait_for(
            lambda: _trained(queued.id, bar),
            check,
            "training",
            alive=lambda: mine.values_list("heartbeat_at", flat=True).first(),
        )
        _wait_for(
            lambda: _followed(queued.id),
            check,
            "learning the response, scoring, profiling",
        )
    loop.run = (
        TrainingRun.objects.filter(state="succeeded").order_by("-finished_at").first()
    )


def _trained(run: UUID, bar: Bar) -> bool:
    row = TrainingRun.objects.get(id=run)
    if row.state == TrainingRun.State.FAILED:
        raise StepFailed(f"training failed: {row.error}")
    bar.at(row.done, row.total, row.step)
    return bool(row.state == TrainingRun.State.SUCCEEDED)


def _followed(run: UUID) -> bool:
    """The worker goes on by itself: response, elasticities, scores, profiles."""
    row = TrainingRun.objects.get(id=run)
    # The tasks after a training write into its row what went wrong: it is not waited
    # for.
    if row.error:
        raise StepFailed(f"learning failed after the training: {row.error}")
    ranked = Shortlist.objects.exists() or "recommendations" in row.report
    return ranked and _learnt()


def _learnt() -> bool:
    profiled = CustomerProfile.objects.exists()
    return profiled and Score.objects.exists() and scores.response() is not None


def _proposals(loop: Loop, bar: Bar) -> None:
    if not Strategy.objects.exists():
        strategies.propose(at=clock.now())
    loop.proposed = list(Strategy.objects.order_by("kind", "title"))


def _approvals(loop: Loop, bar: Bar) -> None:
    """Approve the best proposal of each kind; the others wait for a visitor."""
    ensure_operator()
    for kind in Strategy.Kind.values:
        mine = [strategy for strategy in loop.proposed if strategy.kind == kind]
        # Decided on in an earlier run, or by a visitor.
        if not mine or any(strategy.state != "proposed" for strategy in mine):
            continue
        best = max(mine, key=lambda strategy: float(strategy.forecast["margin"]))
        if all(guard["passed"] for guard in best.guards):
            approval.approve(
                best.id,
                by=OPERATOR,
                comment="Approved by `make run`, in the demo operator's name.",
                at=clock.now(),
            )


def _offers(loop: Loop, bar: Bar, check: Check) -> None:
    """Wait for the worker: the approvals, not this process, asked for the offers."""
    live = Strategy.objects.filter(state=Strategy.State.LIVE)
    if live.exists():
        _wait_for(lambda: not live.filter(offers=None).exists(), check, "offers")


def _shopping(loop: Loop, bar: Bar, address: str) -> None:
    loop.shopped = shop.visit(address)
    bar.advance(len(loop.shopped))


def _measurement(loop: Loop, bar: Bar) -> None:
    loop.measured = measurement.refresh(until=clock.now())


def _wait_for(
    done: Callable[[], bool],
    check: Check,
    what: str,
    *,
    alive: Callable[[], object] = lambda: None,
) -> None:
    """Wait, but no longer than PATIENCE after the last sign of life.

    A slow machine is no failure: its training moved on, and was given up at a limit.
    """
    seen, deadline = alive(), clock.wall() + PATIENCE
    while not done():
        check()
        if (sign := alive()) != seen:
            seen, deadline = sign, clock.wall() + PATIENCE
        if clock.wall() > deadline:
            raise StepFailed(f"{what} did nothing for {PATIENCE}; run again to go on")
        time.sleep(0.2)


def ensure_operator() -> User:
    """Return the demo's operator, made without a usable password."""
    known = User.objects.filter(username=OPERATOR).first()
    return known or User.objects.create_superuser(OPERATOR)


def operator_password() -> str | None:
    """Give the operator a generated password once; None when there is one already."""
    operator = ensure_operator()
    if operator.has_usable_password():
        return None
    password = secrets.token_urlsafe(12)
    operator.set_password(password)
    operator.save()
    return password
