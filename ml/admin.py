"""Models and their training in the back office; "Retrain now" asks a worker.

Tasks are sent by name: importing them would load the learning libraries into the web
process. The run's page asks for itself again every two seconds until the run has ended.
"""

from typing import Any

from celery import current_app
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from analytics.admin import ReadOnly
from ml.models import Elasticity, TrainedModel, TrainingRun

State = TrainingRun.State


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = ["requested_at", "status", "step", "progress", "requested_by"]
    list_filter = ["state"]
    ordering = ["-requested_at"]
    fields = ["requested_by", "requested_at", "started_at", "finished_at"]
    actions_list = ["retrain"]
    change_form_outer_before_template = "ml/run.html"

    def has_retrain_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ml.add_trainingrun")

    # A dialog, because it posts: a plain action is a link, and links must not act.
    @action(  # type: ignore[untyped-decorator]
        description=_("Retrain now"),
        url_path="retrain",
        icon="model_training",
        permissions=["retrain"],
        dialog={
            "title": _("Retrain now"),
            "description": _(
                "Every candidate is fitted again on the log as it is now. The winner "
                "takes charge, and all scores and offers follow."
            ),
            "form_class": BaseDialogForm,
            "form_submit_text": _("Retrain"),
        },
    )
    def retrain(self, request: HttpRequest, form: BaseDialogForm) -> HttpResponse:
        operator = request.user.get_username()
        run = TrainingRun.objects.filter(state=State.QUEUED).first()
        run = run or TrainingRun.objects.create(requested_by=operator)
        try:
            current_app.send_task("ml.tasks.retrain", kwargs={"run": str(run.pk)})
        except OperationalError:
            messages.error(request, _("The queue does not answer: try again later."))
        page = reverse("admin:ml_trainingrun_change", args=[run.pk])
        return HttpResponse(headers={"HX-Redirect": page})

    @display(  # type: ignore[untyped-decorator]
        description=_("State"),
        ordering="state",
        label={
            State.QUEUED: "info",
            State.RUNNING: "warning",
            State.SUCCEEDED: "success",
            State.FAILED: "danger",
        },
    )
    def status(self, run: TrainingRun) -> str:
        return run.state

    @admin.display(description=_("Progress"))
    def progress(self, run: TrainingRun) -> str:
        return f"{run.percent} %" if run.is_open else ""


@admin.register(TrainedModel)
class TrainedModelAdmin(ReadOnly):
    list_display = [
        "created_at",
        "estimator",
        "promoted_at",
        "validation_loss",
        "test_loss",
        "test_auc",
        "size_bytes",
        "fit_seconds",
    ]
    list_filter = ["estimator", "task"]
    ordering = ["-created_at", "estimator"]

    @admin.display(description=_("Validation log-loss"))
    def validation_loss(self, model: TrainedModel) -> str:
        return _figure(model, "validation", "log_loss")

    @admin.display(description=_("Test log-loss"))
    def test_loss(self, model: TrainedModel) -> str:
        return _figure(model, "test", "log_loss")

    @admin.display(description=_("Test AUC"))
    def test_auc(self, model: TrainedModel) -> str:
        return _figure(model, "test", "auc")


@admin.register(Elasticity)
class ElasticityAdmin(ReadOnly):
    list_display = ["category", "value", "low", "high", "weeks", "basis", "computed_at"]
    search_fields = ["category"]
    ordering = ["value"]


def _figure(model: TrainedModel, split: str, name: str) -> str:
    figures: dict[str, Any] = model.metrics.get(split, {})
    return f"{figures[name]:.4f}" if name in figures else ""
