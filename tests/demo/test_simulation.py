"""The closed loop at small scale, and the documents' own client."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from analytics import access, agenda, clock
from analytics.models import Customer, StoredEvent
from config.celery import TASKS
from config.services import ROOT
from demo import policies, simulation, trial
from demo.clients import InProcess
from demo.journal import Journal
from demo.simulation import BEGIN, Rule, Simulation
from demo.worlds import World
from ml import estimators
from ml.models import TrainingRun
from promotions.models import Offer, Redemption, Strategy
from tests.serving import granian

FORECAST = {"margin": 10.0, "low": -2.816, "high": 22.816}


class Interrupted(Exception):
    """As a kill would."""


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (Rule(), True),
        (Rule(chance=0.8), True),  # P(gain) = Φ(1) = 0.84
        (Rule(chance=0.85), False),
        (Rule(margin=10.0), False),
        (Rule(margin=9.0, chance=0.84), True),
    ],
)
def test_the_rule_is_the_one_that_is_stated(rule: Rule, *, holds: bool) -> None:
    assert rule.holds(FORECAST) == holds
    assert str(Rule()) == (
        "margin > 0 and P(gain) >= 0.5, or a test worth more than its price"
    )


def test_a_test_is_approved_for_what_it_teaches_and_not_for_what_it_loses() -> None:
    loss = {"margin": -5.0, "low": -9.0, "high": -1.0}

    assert Rule().holds(loss | {"trial": {"price": 5.0, "worth": 6.0}})
    assert not Rule().holds(loss | {"trial": {"price": 5.0, "worth": 4.0}})
    assert not Rule().holds(loss)


def test_a_certain_loss_is_never_approved() -> None:
    assert not Rule().holds({"margin": 0.0, "low": 0.0, "high": 0.0})
    assert not Rule().holds({"margin": -1.0, "low": -2.0, "high": 0.0})


@pytest.mark.django_db
def test_nothing_is_played_outside_of_demo_mode() -> None:
    with pytest.raises(CommandError, match="SIMULATED_CLOCK=true"):
        call_command("simulate", "--weeks", "1")

    assert not StoredEvent.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_a_database_that_another_shop_uses_is_left_alone(ana: Customer) -> None:
    with pytest.raises(CommandError, match="Another shop"):
        call_command("simulate", "--weeks", "1")

    assert not StoredEvent.objects.exists()


def played(world: World, path: Path, **fields: Any) -> Simulation:
    key = access.create_key("simulation", access.SCOPES)
    made = Simulation(
        world=world,
        client=InProcess(key),
        journal=Journal.of(world, path),
        rule=Rule(chance=0.0),
        retrain=100,
        skip=["ml.tasks.recommend", "promotions.tasks.look_for_fraud"],
        progress=lambda _: None,
    )
    return replace(made, **fields)


@pytest.fixture
def quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Demo mode, with one candidate instead of four: training is most of the time."""
    settings.SIMULATED_CLOCK = True
    settings.ROOT_URLCONF = "config.simulated"
    one = {"logistic": estimators.CANDIDATES["logistic"]}
    monkeypatch.setattr(estimators, "CANDIDATES", one)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_three_weeks_go_round_and_what_was_killed_goes_on(tmp_path: Path) -> None:
    world, path = World.drawn(0, customers=150), tmp_path / "journal.npz"
    plenty = replace(world.goods, stock=world.goods.stock * 100)
    world = replace(world, goods=plenty)  # nobody's basket empties another's shelf

    first = played(world, path)
    first.run(1)
    second = played(world, path)

    def killed(*_: Any, **__: Any) -> Any:
        raise Interrupted

    monday = BEGIN + simulation.WEEK
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Simulation, "_report", killed)
        with pytest.raises(Interrupted):
            second._day(1, monday, 0)
    redeemed = Redemption.objects.count()
    third = played(world, path)
    assert third.journal.shown is not None, "it knows what was shown that day"
    journal = third.run(3)

    assert clock.now() == BEGIN + 3 * simulation.WEEK + simulation.MORNING
    assert TrainingRun.objects.get().state == "succeeded"
    decided = Strategy.objects.exclude(state="proposed")
    assert {row.decided_by for row in decided} == {"simulation (simulated)"}
    assert Strategy.objects.filter(state="live").exists()
    assert Offer.objects.exists()
    assert Redemption.objects.count() >= redeemed > 0

    # The log knows what the world knows, once.
    rows = StoredEvent.objects.filter(occurred_at__gte=BEGIN)
    orders = list(rows.filter(type="order_completed").values_list("data", flat=True))
    assert len({order["order_id"] for order in orders}) == len(orders)
    given = sum(float(row["coupon_discount"]) for o in orders for row in o["lines"])
    asked = sum(float(row.discount) for row in Redemption.objects.all())
    assert given == pytest.approx(asked, abs=0.01)
    assert Customer.objects.count() <= 150

    # Who was offered nothing did as without promotions.
    found = trial.judged(world, journal, warm_up=1)
    plain = policies.play(world, policies.nothing, [0.0] * 3)
    touched = _shown(rows)
    others = [row for row in range(150) if row not in touched]
    mine = np.array(journal.profit)
    assert len(others) > 10
    assert mine[:, others] == pytest.approx(plain.profit[:, others])
    assert mine != pytest.approx(plain.profit)
    assert found.earned["no promotions"].more == 0
    assert found.earned["oracle"].profit > found.earned["no promotions"].profit
    assert json.loads(trial.as_json(found))["weeks"] == 3


def _shown(rows: Any) -> set[int]:
    """Return the numbers of those who saw an offer."""
    names = dict(Customer.objects.values_list("key", "external_id"))
    shown = rows.filter(type="offer_shown").values_list("customer", flat=True)
    return {int((names[key] or "").rpartition("-")[2]) for key in shown}


def documented() -> str:
    page = (ROOT / "docs" / "simulation.md").read_text()
    [code] = re.findall(r"^```python\n(.*?)^```", page, re.S | re.M)
    return str(code)


@pytest.mark.django_db(transaction=True)
def test_the_documents_client_plays_over_http(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIMULATED_CLOCK = True
    monkeypatch.setenv("SIMULATED_CLOCK", "true")
    settings.MODELS_DIR = tmp_path / "models"
    for module in TASKS["celery"]:
        import_module(module)
    program = tmp_path / "client.py"
    program.write_text(documented())
    key = access.create_key("outside", access.SCOPES)

    with granian() as address:
        child = subprocess.Popen(
            [sys.executable, "-I", str(program), address, key],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while child.poll() is None:  # what the worker does
            agenda.play()
            time.sleep(0.05)
        told = child.communicate()[0]

    assert child.returncode == 0, told
    week = re.compile(r"week \d: \d+\.\d\d USD")
    untold = [line for line in told.splitlines() if not week.fullmatch(line)]
    assert len(told.splitlines()) == 4
    assert untold == []
    assert clock.now().isoformat() == "2031-02-03T06:00:00+00:00"
    # Two weeks are enough to propose by.
    proposed = StoredEvent.objects.filter(type="strategy_proposed")
    assert proposed.earliest("occurred_at").occurred_at.date() == date(2031, 1, 20)
    orders = StoredEvent.objects.filter(type="order_completed")
    assert orders.count() > 50
    assert orders.order_by("occurred_at").last().occurred_at > BEGIN  # type: ignore[union-attr]
