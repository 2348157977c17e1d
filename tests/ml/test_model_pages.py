"""The page of models: who is in charge, whether it holds, who may change it."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics.models import StoredEvent
from ml import model_files, overview, registry, stability
from ml.meanings import FEATURES_VERSION
from ml.models import Scoring, TrainedModel, TrainingRun
from tests.conftest import Counted
from tests.ml.conftest import Sent
from tests.ml.test_admin import FIGURES, REPORT

BINS = [{"promised": 0.1 * k, "happened": 0.1 * k, "rows": 100.0} for k in range(1, 6)]
PAGE = "/admin/models"


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


@pytest.fixture
def two(models_dir: Path, db: None) -> list[TrainedModel]:
    """Two models of one training; the first is in charge."""
    run = TrainingRun.objects.create(requested_by="test")
    models = [
        TrainedModel.objects.create(
            estimator=name,
            checksum=model_files.save(name.encode()),
            cutoff=timezone.now(),
            features_version=FEATURES_VERSION,
            metrics={"validation": FIGURES, "calibration": BINS},
            size_bytes=1,
            fit_seconds=1,
            run=run,
        )
        for name in ("logistic", "forest")
    ]
    ago = timezone.now() - timedelta(days=2)
    registry.promote(models[0], at=ago, reason="It won.")
    return models


def shown(desk: Client) -> str:
    answer = desk.get(PAGE)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_an_empty_platform_says_that_nothing_is_known_yet(desk: Client) -> None:
    told = shown(desk)

    assert told.count("No model is in charge.") == 2
    assert "None has been yet" in told
    assert "the next scoring tells" in told
    assert "<polyline" not in told


def test_it_shows_who_is_in_charge_and_every_picture_has_its_table(
    desk: Client, two: list[TrainedModel]
) -> None:
    TrainingRun.objects.update(state="succeeded", report=REPORT)

    told = shown(desk)

    assert reverse("admin:ml_trainedmodel_change", args=[two[0].pk]) in told
    assert "It won." in told
    assert "by the contest" in told
    assert told.count('role="img"') == 2  # calibration, gain
    assert told.count("<summary>Figures</summary>") == 2
    assert 'aria-label="Candidates, best first"' in told
    assert "frequency <small>baseline</small>" in told


def test_a_running_training_shows_how_far_it_is_and_asks_again(desk: Client) -> None:
    TrainingRun.objects.create(
        requested_by="olga",
        state="running",
        heartbeat_at=timezone.now(),
        step="Fitting boosting",
        done=6,
        total=9,
    )

    told = shown(desk)

    assert 'max="9" value="6"' in told
    assert 'hx-select="#training"' in told
    assert 'value="train"' not in told  # one at a time


def test_an_operator_puts_another_in_charge_and_back_and_the_log_says_who(
    desk: Client, two: list[TrainedModel], sent: Sent
) -> None:
    chosen = {"do": "promote", "model": two[1].pk, "comment": "The forest is calmer."}
    desk.post(PAGE, chosen)
    assert registry.champion("propensity") == two[1]
    desk.post(PAGE, {"do": "back", "task": "propensity", "comment": "It was not."})

    assert registry.champion("propensity") == two[0]
    assert [name for name, _ in sent] == ["ml.tasks.score"] * 2
    told = shown(desk)
    for text in ("The forest is calmer.", "It was not.", "rolled back", "olga"):
        assert text in told
    kept = StoredEvent.objects.filter(type__startswith="model_").order_by("position")
    assert [row.data.get("by") for row in kept] == [None, "olga", "olga"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"do": "back", "task": "propensity"}, "Say why"),
        ({"do": "back", "task": "ranking", "comment": "x"}, "no model to go back to"),
        ({"do": "promote", "model": "nonsense", "comment": "x"}, "no such model"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_changes(
    desk: Client, two: list[TrainedModel], sent: Sent, body: dict[str, str], said: str
) -> None:
    answer = desk.post(PAGE, body, follow=True)

    assert said in answer.content.decode()
    assert registry.champion("propensity") == two[0]
    assert sent == []


@pytest.mark.parametrize("broken", ["file", "features"])
def test_a_model_that_could_not_score_is_not_put_in_charge(
    desk: Client, two: list[TrainedModel], models_dir: Path, sent: Sent, broken: str
) -> None:
    if broken == "file":
        (models_dir / f"{two[1].checksum}.npz").unlink()
    else:
        TrainedModel.objects.filter(pk=two[1].pk).update(features_version=0)
    body = {"do": "promote", "model": two[1].pk, "comment": "x"}

    answer = desk.post(PAGE, body, follow=True)

    assert registry.champion("propensity") == two[0]
    assert "forest" in answer.content.decode()
    assert sent == []


def test_retrain_asks_for_one_training(desk: Client, sent: Sent) -> None:
    desk.post(PAGE, {"do": "train"})
    desk.post(PAGE, {"do": "train"})

    run = TrainingRun.objects.get()
    assert run.requested_by == "olga"
    assert sent == [("ml.tasks.retrain", {"run": str(run.pk)})] * 2


@pytest.mark.parametrize("do", ["train", "back", "promote"])
def test_an_analyst_looks_and_does_not_touch(
    client: Client, two: list[TrainedModel], sent: Sent, do: str
) -> None:
    cleo = User.objects.create_user("cleo", is_staff=True)
    cleo.user_permissions.add(Permission.objects.get(codename="view_trainedmodel"))
    client.force_login(cleo)
    body = {"do": do, "task": "propensity", "model": two[1].pk, "comment": "x"}

    assert client.post(PAGE, body).status_code == 403
    told = client.get(PAGE).content.decode()
    assert 'name="do"' not in told
    assert sent == []
    assert registry.champion("propensity") == two[0]


def test_who_may_not_see_models_does_not(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("cleo", is_staff=True))

    assert client.get(PAGE).status_code == 403


def test_gains_count_buyers_from_the_highest_down() -> None:
    table = [
        {"promised": 0.1, "happened": 0.0, "rows": 50.0},
        {"promised": 0.8, "happened": 0.6, "rows": 50.0},
    ]

    first, last = overview.gains(table)

    assert (first.share, first.gain, first.lift) == (0.5, 1.0, 2.0)
    assert (last.share, last.gain, last.lift) == (1.0, 1.0, 0.0)
    assert overview.gains([{"promised": 0.1, "happened": 0.0, "rows": 9.0}]) == []


def test_drift_is_drawn_beside_what_was(desk: Client) -> None:
    known = {"edges": [1.0, 2.0], "shares": [0.5, 0.3, 0.2]}
    found = {"name": "recency", "edges": [1.0, 2.0], "index": 0.31}
    found |= {"then": known["shares"], "now": [0.1, 0.3, 0.6]}
    Scoring.objects.create(at=timezone.now(), position=1, watch={"drift": [found]})

    told = shown(desk)

    assert "<code>recency</code> <b>0.31</b> <strong>far</strong>" in told
    assert told.count('<rect class="then"') == 3
    assert "<td>0.500</td><td>0.100</td>" in told


def test_the_bound_of_drift_is_the_watchs() -> None:
    assert overview.FAR == stability.DRIFTED


def test_the_page_asks_little(
    desk: Client, two: list[TrainedModel], statements: Counted
) -> None:
    desk.get(PAGE)
    statements()
    desk.get(PAGE)

    assert statements() <= 12
