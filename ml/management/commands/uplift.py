"""`manage.py uplift`: who is changed by an offer, from any table of a randomised trial.

Exit status: 0 a choice was made (to treat all or none is one), 1 the table is refused.
"""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from ml import trial_tables, uplift_report
from ml.trial_tables import TrialTable, Unusable
from ml.uplift_report import BUDGETS, RANDOM, Report
from ml.uplift_selection import LEARNERS, NOBODY

HELP = """\
Find out whom a treatment changes, and which learner of uplift to believe.

FILE is CSV (.gz too) or Parquet with one row a customer: a treatment that was given by
lot, an outcome (0/1 or a number), and what was known of the customer BEFORE. Columns
that were measured after the treatment must be excluded: they cannot be told from the
table. What each printed column means: docs/uplift.md.
"""
WIDTH = 160


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("file", type=Path, metavar="FILE")
        add("--treatment", required=True, metavar="COLUMN")
        add("--outcome", required=True, metavar="COLUMN")
        add(
            "--control", metavar="VALUE", help="default: a value that says so (none, 0)"
        )
        add("--exclude", nargs="+", default=[], metavar="COLUMN")
        add("--seed", type=int, default=0, help="of the split and the learners")
        add("--test", type=float, default=0.3, metavar="SHARE", help="default: 0.3")
        add("--budget", type=float, metavar="SHARE", help="one more share to value")
        add("--json", action="store_true", help="for machines; keys: docs/uplift.md")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        _check(options)
        waiting = Console(stderr=True)
        with waiting.status(f"reading {file}") as status:
            try:
                table = trial_tables.understand(
                    trial_tables.read(file),
                    treatment=options["treatment"],
                    outcome=options["outcome"],
                    control=options["control"],
                    exclude=_names(options["exclude"]),
                )
            except Unusable as error:
                raise CommandError(str(error)) from error
            # One thread: CPU seconds compare, and a seed gives the same digits.
            with threadpool_limits(limits=1):
                found = uplift_report.report(
                    table,
                    seed=options["seed"],
                    test=options["test"],
                    budgets=_budgets(options["budget"]),
                    tell=lambda part, name: status.update(f"{part}: {name}"),
                )
        if options["json"]:
            self.stdout.write(json.dumps(as_json(table, found), indent=2))
        else:
            self.stdout.write(drawn(table, found))


def _check(options: dict[str, Any]) -> None:
    if not 0.05 <= options["test"] <= 0.9:
        raise CommandError("--test is a share from 0.05 to 0.9")
    budget = options["budget"]
    if budget is not None and not 0 < budget <= 1:
        raise CommandError("--budget is a share above 0, at most 1")


def _names(told: list[str]) -> list[str]:
    """Take `--exclude a b` and `--exclude a,b` alike."""
    return [name for each in told for name in each.split(",") if name]


def _budgets(asked: float | None) -> list[float]:
    return sorted({*BUDGETS, *([] if asked is None else [asked])})


def as_json(table: TrialTable, report: Report) -> dict[str, Any]:
    """Return the report for machines; docs/uplift.md says what the keys are."""
    choice = report.choice
    return {
        "rows": report.rows,
        "test_rows": report.test_rows,
        "columns": list(table.columns),
        "control": table.control,
        "control_mean": report.base,
        "arms": [asdict(one) for one in report.effects],
        "notes": list(table.notes),
        "warnings": list(table.warnings),
        "choice": {
            "learner": choice.name,
            "varies": choice.varies,
            "leader": choice.leader,
            "t": choice.t,
            "needed_t": choice.needed,
            "why": report.why,
        },
        "contest": [asdict(one) for one in choice.standings],
        "learners": [asdict(one) for one in report.lines],
        "policy": [asdict(one) for one in report.values],
    }


def drawn(table: TrialTable, report: Report) -> str:
    """Return the report as tables and sentences."""
    console = Console(width=WIDTH)
    with console.capture() as text:
        for note in table.notes:
            console.print(f"Note: {note}", markup=False, highlight=False)
        for warning in table.warnings:
            console.print(f"Warning: {warning}", style="yellow", markup=False)
        console.print(_effects(table, report))
        console.print(_learners(report))
        console.print(_policies(report))
        told = f"Choice: {report.choice.name}. {report.why}"
        console.print(told, markup=False, highlight=False)
    return text.get()


def _effects(table: TrialTable, report: Report) -> Table:
    title = f"{report.rows:,} rows; {table.control}: mean outcome {report.base:.5g}"
    drawn = Table("arm", "rows", "effect a customer", "95 %", title=title)
    for one in report.effects:
        span = f"{one.low:.4g} … {one.high:.4g}"
        drawn.add_row(one.arm, f"{one.rows:,}", f"{one.effect:+.5g}", span)
    return drawn


def _learners(report: Report) -> Table:
    drawn = Table(
        "learner",
        "contest: Qini",
        "95 %",
        "ahead of favourite",
        "test: Qini",
        "robust",
        "95 %",
        "uplift@10 %",
        "@30 %",
        "CPU s",
        title=f"Learners. Contest: cross-fitted on {report.rows - report.test_rows:,}"
        f" rows. Test: on {report.test_rows:,} others",
    )
    lines = {line.learner: line for line in report.lines}
    standings = {one.name: one for one in report.choice.standings}
    for name in LEARNERS:
        one = standings[name]
        line = lines.get(name)
        mark = "→ " if name == report.choice.name else ""
        if one.refusal or line is None:
            drawn.add_row(mark + name, f"not fitted: {one.refusal}")
            continue
        drawn.add_row(
            mark + name,
            f"{1000 * one.qini:.2f}",
            f"{1000 * one.low:.2f} … {1000 * one.high:.2f}",
            f"{1000 * one.ahead:+.2f} ± {1000 * one.ahead_error:.2f}",
            "" if line.qini is None else f"{line.qini:.4f}",
            f"{line.robust:.2f}",
            f"{line.low:.2f} … {line.high:.2f}",
            f"{line.at_10:.4g}",
            f"{line.at_30:.4g}",
            f"{line.seconds:.2f}",
        )
    return drawn


def _policies(report: Report) -> Table:
    budgets = sorted({one.budget for one in report.values})
    drawn = Table(
        "policy",
        *(f"{budget:.0%}" for budget in budgets),
        title="Incremental outcomes per 1,000 customers, doubly robust, if so many get"
        " the best arm",
    )
    # Each once, in this order: the leader may be one of the others.
    wanted = dict.fromkeys((report.choice.leader, NOBODY, "response, logistic", RANDOM))
    for name in wanted:
        mine = {one.budget: one for one in report.values if one.learner == name}
        if mine:
            cells = (mine[budget] for budget in budgets)
            drawn.add_row(
                name, *(f"{c.value:.2f} [{c.low:.2f}, {c.high:.2f}]" for c in cells)
            )
    return drawn
