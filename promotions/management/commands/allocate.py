"""`manage.py allocate FILE`: solve a saved instance, print and keep its certificate.

The file's format is in docs/allocation.md. Needs no database.
"""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from promotions import instance_files
from promotions.allocation import GAP, Impossible, NotCertified, solve
from promotions.certificates import Certificate, certify
from promotions.instances import Instance, Invalid


class Command(BaseCommand):
    help = "Solve a saved allocation, or check a saved plan, and print the certificate."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="an instance: .npz or .json")
        parser.add_argument(
            "--gap", type=float, default=GAP, help="asked for, relative"
        )
        parser.add_argument("--out", type=Path, help="write choice and prices (.npz)")
        parser.add_argument("--check", type=Path, help="check this plan; solve nothing")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        begun = time.process_time()
        try:
            asked = instance_files.load(file)
            if plan := options["check"]:
                proof, prices, fault = _checked(asked, plan, options["gap"])
            else:
                proof, prices, fault = _solved(asked, options["gap"], options["out"])
        except (Invalid, Impossible, OSError) as error:
            raise CommandError(str(error)) from error
        said = _said(proof) | {
            "asked": options["gap"],
            "cpu_seconds": round(time.process_time() - begun, 3),
            "prices": prices,
        }
        self._print(said, as_json=options["json"])
        if fault:
            raise CommandError(fault)

    def _print(self, said: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(said, indent=2))
            return
        table = Table("", "certificate", title="Allocation")
        for name, value in said.items():
            if name != "prices":
                table.add_row(name, _shown(value))
        for name, price in said["prices"].items():
            if price:
                table.add_row(f"price of {name}", _shown(price))
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]


Outcome = tuple[Certificate, dict[str, float], str]


def _solved(asked: Instance, gap: float, out: Path | None) -> Outcome:
    """Solve, and write the plan if it is certified."""
    try:
        plan = solve(asked, gap=gap)
    except NotCertified as refusal:
        if refusal.best is None:
            raise CommandError(str(refusal)) from refusal
        plan = refusal.best
        return plan.certificate, _named(asked, plan.prices), str(refusal)
    if out:
        instance_files.save_plan(out, plan.chosen, plan.prices, plan.certificate)
    return plan.certificate, _named(asked, plan.prices), ""


def _checked(asked: Instance, path: Path, gap: float) -> Outcome:
    """Count a saved plan's certificate again, from its choice and prices alone."""
    stored = instance_files.load_plan(path, asked)
    proof = certify(asked, stored.chosen, stored.prices)
    fault = "; ".join(proof.broken)
    if not fault and proof.gap > gap:
        fault = f"the prices prove a gap of {proof.gap:.2g}, not {gap:.2g}"
        if stored.proof == "search":
            fault += "; its bound came from a search: solve it again to believe it"
    return proof, _named(asked, stored.prices), fault


def _named(asked: Instance, prices: Any) -> dict[str, float]:
    return dict(zip(asked.names, prices.tolist(), strict=True))


def _said(proof: Certificate) -> dict[str, Any]:
    return {
        "feasible": proof.feasible,
        "gap": proof.gap,
        "value": proof.value,
        "bound": proof.bound,
        "proof": proof.proof,
        "broken": list(proof.broken),
    }


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.2f}"
    return "; ".join(value) if isinstance(value, list) else str(value)
