"""Uplift on Hillstrom's e-mail trial: ours, our selector, and three libraries.

Needs HILLSTROM, the path of the trial's CSV (it has no licence to be shipped with). 20
splits of 70/30, arms and visits spread evenly, seeds 100 to 119; whatever was tried
before was tried on seeds 0 to 19 and on drawn worlds (docs/decisions/0025). The peers
run in a venv of their own below var/, whose scikit-uplift is the referee of all.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from rich.progress import track
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from analytics import off_policy
from config.services import ROOT, VAR
from demo.bench.table import Row, least, limit, show, shown
from ml import trial_tables, uplift_report, uplift_selection, uplift_worth
from ml.trial_tables import Floats, TrialTable
from ml.uplift import Codes, coded
from ml.uplift_scores import outcome_means, robust_scores
from ml.uplift_selection import FAVOURITE, LEARNERS

PEERS = "scikit-uplift==0.5.1", "causalml==0.18.0", "econml==0.17.0"
SEEDS = range(100, 120)
TESTED = 0.3
CONTROL = "No E-Mail"
TASKS = {"women": ["Womens E-Mail"], "men": ["Mens E-Mail"], "any": []}
"""The arm that each asks about; "any" is of both mails as one."""
SURE = 1.959963984540054


@dataclass
class Task:
    """Figures of one task over the seeds: Qini by learner, choices, CPU seconds."""

    ours: dict[str, list[float]] = field(default_factory=dict)
    theirs: dict[str, list[float]] = field(default_factory=dict)
    chosen: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def selected(self) -> list[float]:
        return [self.ours[name][n] for n, name in enumerate(self.chosen)]

    def best(self, of: dict[str, list[float]]) -> str:
        return max(of, key=lambda name: float(np.mean(of[name])))


def run() -> None:
    """Measure, print and keep the table; some forty minutes of CPU."""
    frame = trial_tables.read(Path(os.environ["HILLSTROM"]))
    with threadpool_limits(limits=1):
        tasks = {name: measured(hillstrom(frame, name), name) for name in TASKS}
        rows = [*_women(tasks["women"]), *_selected(tasks), *_policy(frame)]
        show("Uplift", [*rows, *_promoted(), *_off_policy()])


def hillstrom(frame: Any, task: str) -> TrialTable:
    """Return visits of one mail, of any or (task "each") of both as two arms."""
    arms = TASKS.get(task)
    if arms:
        frame = frame.filter(frame["segment"].is_in([CONTROL, *arms]))
    elif task == "any":
        mailed = (frame["segment"] != CONTROL).cast(int).alias("segment")
        frame = frame.with_columns(mailed)
    return trial_tables.understand(
        frame,
        treatment="segment",
        outcome="visit",
        exclude=["conversion", "spend"],
    )


def split(table: TrialTable, seed: int) -> tuple[Codes, Codes]:
    arm = coded(table.treatment, table.control)[1]
    # Strata: arm and visit.
    alike = arm * 2 + (table.y != 0)
    learn, rest = train_test_split(
        np.arange(len(arm)), test_size=TESTED, stratify=alike, random_state=seed
    )
    return np.asarray(learn), np.asarray(rest)


def measured(table: TrialTable, name: str) -> Task:
    """Fit everybody and run the contest on each split; the referee scores them."""
    task = Task()
    with tempfile.TemporaryDirectory() as folder:
        for seed in track(SEEDS, f"Hillstrom, {name}"):
            learn, rest = split(table, seed)
            told = _fits(table, learn, rest, seed, task.seconds)
            task.chosen.append(_choice(table, learn, seed))
            _keep(Path(folder) / f"{seed}.npz", table, learn, rest, told)
        for found in _refereed([Path(folder) / f"{seed}.npz" for seed in SEEDS]):
            _take(task, found)
    return task


def _fits(
    table: TrialTable,
    learn: Codes,
    rest: Codes,
    seed: int,
    seconds: dict[str, list[float]],
) -> dict[str, Floats]:
    """Return what each learner foretells of the test part, [rows, arms]."""
    told = {}
    for name, make in LEARNERS.items():
        learner = make(control=table.control, categories=table.categories, seed=seed)
        started = process_time()
        learner.fit(table.x[learn], table.y[learn], table.treatment[learn])
        told[name] = learner.predict(table.x[rest])
        seconds.setdefault(name, []).append(process_time() - started)
    return told


def _choice(table: TrialTable, learn: Codes, seed: int) -> str:
    return uplift_selection.select(
        table.x[learn],
        table.y[learn],
        table.treatment[learn],
        control=table.control,
        categories=table.categories,
        seed=seed,
    ).name


def _keep(
    path: Path, table: TrialTable, learn: Codes, rest: Codes, told: dict[str, Floats]
) -> None:
    np.savez(
        path,
        x=table.x,
        y=table.y,
        treated=table.treatment != table.control,
        categories=np.array(table.categories),
        learn=learn,
        rest=rest,
        names=np.array(list(told)),
        told=np.column_stack([uplift[:, 0] for uplift in told.values()]),
    )


def _refereed(splits: list[Path]) -> list[Any]:
    """Run demo.bench.uplift_peers: Qini of ours and theirs on each split."""
    venv = VAR / "uplift-peers"
    if not (venv / "bin" / "peers-are-here").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)  # noqa: S603
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", *PEERS]
        subprocess.run(pip, check=True)  # noqa: S603
        (venv / "bin" / "peers-are-here").touch()
    script = ROOT / "demo" / "bench" / "uplift_peers.py"
    done = subprocess.run(  # noqa: S603
        [venv / "bin" / "python", script, *splits],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line[0] == "{"]


def _take(task: Task, found: Any) -> None:
    for side, into in (("ours", task.ours), ("theirs", task.theirs)):
        for name, qini in found[side].items():
            into.setdefault(name, []).append(qini)


def spread(values: list[float]) -> str:
    """Return mean ± 1.96 standard errors over the splits."""
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.4f} ± {SURE * error:.4f}"


def _women(task: Task) -> Iterator[Row]:
    """The favourite, frozen before, against the goal and the best peer."""
    mine = task.ours[FAVOURITE]
    yield least(
        "women, visits: Qini of the favourite", float(np.mean(mine)), 0.06, "", 4
    )
    yield limit(
        "its CPU s a fit", float(np.mean(task.seconds[FAVOURITE])), 0.5, digits=2
    )
    peer = task.best(task.theirs)
    away = [a - b for a, b in zip(mine, task.theirs[peer], strict=True)]
    theirs = float(np.mean(task.theirs[peer]))
    yield Row(
        figure="not under the best library by more than .003, paired",
        ours=spread(away),
        peer=f"{peer}: {spread(task.theirs[peer])}",
        ratio=(theirs - 0.003) / float(np.mean(mine)),
        goal=1.0,
    )


def _selected(tasks: dict[str, Task]) -> Iterator[Row]:
    for name, task in tasks.items():
        best = task.best(task.ours)
        ours, top = float(np.mean(task.selected)), float(np.mean(task.ours[best]))
        goal = 0.024 if name == "men" else 0.9 * top
        yield Row(
            figure=f"{name}: the selector, nested",
            ours=spread(task.selected),
            peer=f"at least {goal:.4f}; best of ours is {best}: {top:.4f}",
            ratio=goal / ours,
            goal=1.0,
        )
        for learner, values in {**task.ours, **task.theirs}.items():
            yield shown(f"{name}: {learner}", spread(values))


def _policy(frame: Any) -> Iterator[Row]:
    """At most one of two mails to a share of the customers, doubly robust."""
    table = hillstrom(frame, "each")
    arm = coded(table.treatment, table.control)[1]
    found: dict[tuple[str, float], list[float]] = {}
    names = FAVOURITE, "S logistic", "response, logistic"
    for seed in track(SEEDS, "two arms"):
        learn, rest = split(table, seed)
        means = outcome_means(
            table.x[rest],
            table.y[rest],
            arm[rest],
            categories=table.categories,
            seed=seed,
        )
        scores = robust_scores(table.y[rest], arm[rest], means)
        for name in names:
            learner = LEARNERS[name](
                control=table.control, categories=table.categories, seed=seed
            )
            learner.fit(table.x[learn], table.y[learn], table.treatment[learn])
            told = learner.predict(table.x[rest])
            for budget in uplift_report.BUDGETS:
                value = 1000 * uplift_report.gains(told, scores, budget).mean()
                found.setdefault((name, budget), []).append(float(value))
    tenth = found[FAVOURITE, 0.1]
    yield least(
        "two mails, 10 %: more visits per 1,000", float(np.mean(tenth)), 12.5, "", 1
    )
    for (name, budget), values in found.items():
        yield shown(f"two mails, {budget:.0%}: {name}", spread(values))


def _promoted() -> Iterator[Row]:
    """200 comparisons of two learners of noise, on rows that neither has seen."""
    promoted = 0
    for seed in track(range(200), "A/A"):
        chance = np.random.default_rng(seed)
        scores = chance.normal(size=(4000, 1))
        champion, challenger = chance.normal(size=(2, 4000, 1))
        verdict = uplift_worth.compare(champion, challenger, scores, seed=seed)
        promoted += verdict.promoted
    yield limit("false promotions in 200 A/A runs", promoted, 10)


def _off_policy() -> Iterator[Row]:
    """All estimators on a million rows of ten actions."""
    chance = np.random.default_rng(0)
    rows, actions = 1_000_000, 10
    policy = chance.dirichlet(np.ones(actions), rows)
    log = off_policy.Log(
        action=chance.integers(0, actions, rows),
        reward=chance.random(rows),
        propensity=np.full(rows, 1 / actions),
    )
    draft = off_policy.Draft(log=log, policy=policy, model=chance.random(policy.shape))
    started = process_time()
    for estimator in (
        off_policy.ips,
        off_policy.snips,
        off_policy.dm,
        off_policy.dr,
        off_policy.sndr,
    ):
        estimator(draft)
    off_policy.switch_dr(draft, most=5)
    off_policy.dr_os(draft, shrinkage=10)
    seconds = process_time() - started
    yield limit("seven off-policy estimators, 1 M × 10, CPU s", seconds, 1, digits=2)
