"""Models and their training in the back office; "Retrain now" asks a worker.

Tasks are sent by name: importing them would load the learning libraries into the web
process. The run's page asks for itself again every two seconds until the run has ended.
"""

from typing import Any

from celery import current_app
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from analytics import clock
from analytics.back_office import ReadOnly, Worded, worded
from analytics.languages import actor, reread, said
from ml import figures, listing_admin, model_pages, profile_admin, registry
from ml.models import Elasticity, TrainedModel, TrainingRun

__all__ = ["listing_admin", "profile_admin"]
"""Loaded with this module, which is the one that Django looks for."""

State = TrainingRun.State
BY = worded("requested_by", _("requested by"), actor)
STEP = worded("step", _("step"))
TASK = worded("task", _("task"))
LEARNER = worded("estimator", _("estimator"))


def catalogue(request: HttpRequest) -> HttpResponse:
    """List every feature with its meaning, and which champion goes by it."""
    if not request.user.has_perm("ml.view_trainedmodel"):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": _("Features"),
        "sections": figures.catalogue(),
    }
    return TemplateResponse(request, "ml/features.html", context)


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = ["requested_at", "status", STEP, "progress", BY]
    list_filter = ["state"]
    ordering = ["-requested_at"]
    fields = [BY, "requested_at", "started_at", "finished_at"]
    readonly_fields = [BY]
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
        run = model_pages.asked(by=request.user.get_username())
        try:
            model_pages.send(run)
        except OperationalError:
            messages.error(request, _("The queue does not answer: try again later."))
        page = reverse("admin:ml_trainingrun_change", args=[run.pk])
        # htmx would follow a plain redirect itself, and draw the page into the dialog.
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
    def status(self, run: TrainingRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @admin.display(description=_("Progress"))
    def progress(self, run: TrainingRun) -> str:
        return f"{run.percent} %" if run.is_open else ""


@admin.register(TrainedModel)
class TrainedModelAdmin(ReadOnly):
    list_display = [
        "created_at",
        TASK,
        LEARNER,
        "promoted_at",
        "validation",
        "test",
        "size",
        "seconds",
    ]
    list_filter = [("estimator", Worded), ("task", Worded)]
    ordering = ["-created_at", "estimator"]
    actions = ["go_back"]
    change_form_outer_before_template = "ml/model.html"
    readonly_fields = [TASK, LEARNER]
    fieldsets = [
        (None, {"fields": [TASK, LEARNER, "promoted_at", "created_at"]}),
        (
            _("How it came to be"),
            {
                "fields": [
                    *("window_start", "cutoff", "parameters", "features_version"),
                    *("fit_seconds", "size_bytes", "checksum", "code", "run"),
                ]
            },
        ),
    ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        rows = TrainedModel.objects.select_related("run")
        model = rows.filter(pk=object_id).first()
        context = (figures.page(model) if model else {}) | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        # This reads the champions' files whole: some MB take 10 ms.
        for told in registry.doubts(at=clock.now()):
            messages.warning(request, _("Doubtful: %s") % reread(said(told)))
        return super().changelist_view(request, extra_context)

    def has_promote_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ml.change_trainedmodel")

    @admin.action(
        description=_("Put the model before back in charge of this task"),
        permissions=["promote"],
    )
    def go_back(self, request: HttpRequest, chosen: QuerySet[TrainedModel]) -> None:
        """Roll the chosen models' tasks back, then have everybody scored anew."""
        for task in sorted(set(chosen.values_list("task", flat=True))):
            try:
                model = registry.roll_back(
                    task, at=clock.now(), by=request.user.get_username()
                )
                current_app.send_task(model_pages.FOLLOWS[task])
            except registry.NoChampion as reason:
                messages.error(request, said(reason.args[0]))
            except OperationalError:
                messages.error(request, _("The queue does not answer: score later."))
            else:
                messages.success(request, _("%s is in charge again.") % model)

    @admin.display(description=_("Validation"))
    def validation(self, model: TrainedModel) -> str:
        known = model.metrics.get("validation", {})
        if not known and (days := model.metrics.get("log_days")):
            return _("Not measured: the log is %(days)d days old.") % {"days": days}
        return _figures(known)

    @admin.display(description=_("Test"))
    def test(self, model: TrainedModel) -> str:
        return _figures(model.metrics.get("test", {}))

    @admin.display(description=_("Size"), ordering="size_bytes")
    def size(self, model: TrainedModel) -> str:
        return filesizeformat(model.size_bytes)

    @admin.display(description=_("CPU seconds"), ordering="fit_seconds")
    def seconds(self, model: TrainedModel) -> str:
        return f"{model.fit_seconds:.1f}"


@admin.register(Elasticity)
class ElasticityAdmin(ReadOnly):
    list_display = [
        "category",
        "value",
        "low",
        "high",
        "weeks",
        "grounds",
        "computed_at",
    ]
    fields = list_display
    readonly_fields = list_display
    search_fields = ["category"]
    ordering = ["value"]

    @admin.display(description=_("basis"), ordering="basis")
    def grounds(self, row: Elasticity) -> str:
        return gettext(row.basis)


BASES = (
    gettext_noop("assumed"),
    gettext_noop("observational"),
    gettext_noop("randomised"),
)
"""What may stand in a column "basis"."""


FIGURES = {
    "log_loss": _("log-loss"),
    "auc": "AUC",
    "recall": _("recall at ten"),
    "own_recall": _("own favourites"),
}


def _figures(known: dict[str, float]) -> str:
    """Name what there is: a classifier and a ranker are judged by other figures."""
    line = '<span style="white-space: nowrap">{} {}</span>'
    figures = [(n, f"{known[key]:.4f}") for key, n in FIGURES.items() if key in known]
    # In one block: the phone's layout puts what is not in a row, and cuts it off.
    return format_html(
        "<div>{}</div>", format_html_join(mark_safe("<br>"), line, figures)
    )
