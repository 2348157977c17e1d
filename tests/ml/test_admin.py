import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ml import registry
from ml.models import TrainedModel, TrainingRun
from tests.ml.conftest import Sent
from tests.ml.test_registry import stored

FIGURES = {"log_loss": 0.3669, "log_loss_error": 0.0043, "auc": 0.83, "brier": 0.11}
ONE = {"validation": FIGURES, "test": {**FIGURES, "auc": 0.8336}, "fit_seconds": 2.9}
REPORT: dict[str, Any] = {
    "winner": "logistic",
    "reason": "The simplest within one standard error.",
    "plan": {"validation": "2026-06-01", "test": "2026-06-29", "as_of": "2026-07-27"},
    "baselines": {"frequency": ONE},
    "candidates": {"logistic": ONE, "forest": ONE},
}


@pytest.fixture
def olga(admin_client: Client) -> Client:
    return admin_client


def page(run: TrainingRun) -> str:
    return reverse("admin:ml_trainingrun_change", args=[run.pk])


def test_retrain_now_queues_a_run_and_opens_its_page(olga: Client, sent: Sent) -> None:
    url = reverse("admin:ml_trainingrun_retrain")

    answer = olga.post(url, {"_form_submitted": "on"})

    run = TrainingRun.objects.get()
    assert (run.state, run.requested_by) == ("queued", "admin")
    assert sent == [("ml.tasks.retrain", {"run": str(run.pk)})]
    assert answer.headers["HX-Redirect"] == page(run)


def test_opening_the_dialog_queues_nothing(olga: Client, sent: Sent) -> None:
    answer = olga.get(reverse("admin:ml_trainingrun_retrain"))

    assert answer.status_code == 200
    assert not TrainingRun.objects.exists()
    assert sent == []


def test_a_waiting_run_is_asked_for_again(olga: Client, sent: Sent) -> None:
    run = TrainingRun.objects.create(requested_by="ben")

    olga.post(reverse("admin:ml_trainingrun_retrain"), {"_form_submitted": "on"})

    assert TrainingRun.objects.count() == 1
    assert sent == [("ml.tasks.retrain", {"run": str(run.pk)})]


def test_one_without_the_permission_cannot_retrain(
    db: None, client: Client, sent: Sent
) -> None:
    client.force_login(User.objects.create_user("cleo", is_staff=True))

    answer = client.post(
        reverse("admin:ml_trainingrun_retrain"), {"_form_submitted": "on"}
    )

    assert answer.status_code == 403
    assert not TrainingRun.objects.exists()


def test_a_running_run_shows_its_progress_and_asks_for_itself(olga: Client) -> None:
    run = TrainingRun.objects.create(
        requested_by="olga",
        state="running",
        heartbeat_at=timezone.now(),
        step="Fitting boosting",
        done=6,
        total=9,
    )

    html = olga.get(page(run)).content.decode()

    assert "Fitting boosting" in html
    assert 'max="9" value="6"' in html
    assert 'hx-trigger="every 2s"' in html


def test_an_ended_run_shows_who_won_and_why(olga: Client) -> None:
    run = TrainingRun.objects.create(
        requested_by="olga", state="succeeded", report=REPORT
    )

    html = olga.get(page(run)).content.decode()

    assert "Promoted: logistic." in html
    assert REPORT["reason"] in html
    assert "0.3669 ± 0.0043" in html
    assert "0.8336" in html
    assert "frequency (baseline)" in html
    assert 'hx-trigger="every 2s"' not in html


def test_a_young_log_is_told_of_and_what_was_not_measured(olga: Client) -> None:
    report = {
        "untrained": "Everybody is scored by purchase rates.",
        "reason": "Training needs 112 full days of orders.",
        "response": "No response is known.",
    }
    run = TrainingRun.objects.create(
        requested_by="olga", state="succeeded", report=report
    )
    stored("propensity", timezone.now(), run)
    model = TrainedModel.objects.get()
    model.metrics = {"validation": {}, "log_days": 15}
    model.save()

    html = olga.get(page(run)).content.decode()
    listed = olga.get(reverse("admin:ml_trainedmodel_changelist")).content.decode()

    assert all(said in html for said in report.values())
    assert "Not measured: the log is 15 days old." in listed
    opened = olga.get(reverse("admin:ml_trainedmodel_change", args=[model.pk]))
    assert opened.status_code == 200


def test_a_shrunk_plan_says_what_was_not_measured(olga: Client) -> None:
    plan = REPORT["plan"] | {"measured": ["2025-04-01T"], "lacking": "1 of 3 cut-offs"}
    run = TrainingRun.objects.create(
        requested_by="olga", state="succeeded", report=REPORT | {"plan": plan}
    )

    html = olga.get(page(run)).content.decode()

    assert "1 of 3 cut-offs" in html
    assert "from 2025-04-01 until" in html


def test_the_lists_open(olga: Client) -> None:
    for name in ("trainingrun", "trainedmodel", "elasticity"):
        assert olga.get(reverse(f"admin:ml_{name}_changelist")).status_code == 200


def test_the_web_process_does_not_load_the_learning_libraries() -> None:
    code = (
        "import django; django.setup(); import ml.admin, ml.scores, sys;"
        "heavy = {'sklearn', 'polars', 'scipy', 'joblib'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_operator_goes_back_to_the_model_before_and_scores_follow(
    olga: Client, sent: Sent, models_dir: Path
) -> None:
    now = timezone.now()
    run = TrainingRun.objects.create(requested_by="olga")
    for days in (2, 1):
        stored("propensity", now - timedelta(days), run)
    newest = registry.champion("propensity")
    url = reverse("admin:ml_trainedmodel_changelist")
    chosen = {"action": "go_back", "_selected_action": [str(newest.pk)]}

    answer = olga.post(url, chosen, follow=True)

    assert "is in charge again" in answer.content.decode()
    assert registry.champion("propensity") != newest
    assert sent == [("ml.tasks.score", {})]


def test_going_back_behind_the_first_is_refused_in_words(
    olga: Client, sent: Sent, models_dir: Path
) -> None:
    run = TrainingRun.objects.create(requested_by="olga")
    stored("propensity", timezone.now(), run)
    only = registry.champion("propensity")
    url = reverse("admin:ml_trainedmodel_changelist")

    answer = olga.post(
        url, {"action": "go_back", "_selected_action": [str(only.pk)]}, follow=True
    )

    assert "no model to go back to" in answer.content.decode()
    assert registry.champion("propensity") == only
    assert sent == []


def test_an_old_model_is_named_in_the_admin_and_in_readyz(
    olga: Client, models_dir: Path
) -> None:
    run = TrainingRun.objects.create(requested_by="olga")
    stored("ranking", timezone.now(), run)
    url = reverse("admin:ml_trainedmodel_changelist")
    assert "Out of date" not in olga.get(url).content.decode()
    assert olga.get("/readyz").json()["notes"]["models"] == "ok"

    old = timezone.now() - timedelta(days=4)
    TrainedModel.objects.update(created_at=old)

    assert "ranking: trained 4 days ago" in olga.get(url).content.decode()
    told = olga.get("/readyz").json()["notes"]["models"]
    assert told == "ranking: trained 4 days ago"
