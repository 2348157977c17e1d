"""`manage.py simulate --world N --weeks 26`: play a simulated shop, and what it earned.

In demo mode, on a database of its own (see docs/simulation.md).
"""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from analytics import access
from analytics.models import ApiKey, Customer
from config.services import VAR
from demo import trial
from demo.clients import Client, InProcess, OverHttp
from demo.journal import Journal
from demo.simulation import Rule, Simulation
from demo.worlds import World

SCOPES = ("events", "offers", "carts", "catalog", "strategies", "clock")
NAME = "simulation"


class Command(BaseCommand):
    help = "Play weeks of a simulated shop in demo mode, and compare what it earned."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--world", type=int, default=1, help="its seed")
        parser.add_argument("--weeks", type=int, default=26)
        parser.add_argument("--customers", type=int, default=2000)
        parser.add_argument("--warm-up", type=int, default=8, help="weeks told apart")
        parser.add_argument(
            "--retrain", type=int, default=1, help="in every so many weeks"
        )
        parser.add_argument(
            "--skip", nargs="*", default=[], help="tasks of the schedule to leave out"
        )
        parser.add_argument(
            "--live", metavar="ADDRESS", help="a running server, instead of no server"
        )
        parser.add_argument("--chance", type=float, default=0.5, help="of the rule")
        parser.add_argument("--json", type=Path, help="write the figures to a file")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SIMULATED_CLOCK:
            raise CommandError("Only in demo mode: start it with SIMULATED_CLOCK=true.")
        world = World.drawn(options["world"], customers=options["customers"])
        console = Console(width=None if os.isatty(1) else 120)
        path = VAR / "simulation" / f"world-{world.seed}-{world.customers}.npz"
        if Customer.objects.exists() and not path.exists():
            raise CommandError("Another shop is in this database: see PROFFER_VAR.")
        played = Simulation(
            world=world,
            client=_client(options["live"]),
            journal=Journal.of(world, path),
            rule=Rule(chance=options["chance"]),
            retrain=options["retrain"],
            skip=options["skip"],
            progress=lambda text: console.print(text, highlight=False),
        )
        journal = played.run(options["weeks"])
        promises = played.promises()
        found = trial.judged(world, journal, promises, warm_up=options["warm_up"])
        trial.show(console, found)
        if options["json"]:
            options["json"].write_text(trial.as_json(found))


def _client(address: str | None) -> Client:
    """Make a key of its own; that of a run before ends."""
    for old in ApiKey.objects.filter(name=NAME):
        access.revoke_key(old.pk)
    key = access.create_key(NAME, SCOPES)
    return OverHttp(address.rstrip("/"), key) if address else InProcess(key)
