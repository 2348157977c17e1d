"""Models and their training in the back office; "Retrain now" asks a worker.

Tasks are sent by name: importing them would load the learning libraries into the web
process. The run's page asks for itself again every two seconds until the run has ended.
"""

import contextlib
from typing import Any
from uuid import UUID

from celery import current_app
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
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
from analytics.admin import Acting, ReadOnly, Worded, worded
from analytics.languages import actor, reread, said
from analytics.models import Customer
from catalog.admin import ProductAdmin
from catalog.models import Product
from ml import customers, figures, model_pages, registry, searching, twins
from ml.models import (
    ContentRun,
    CustomerProfile,
    Elasticity,
    ProductTwin,
    TrainedModel,
    TrainingRun,
)

State = TrainingRun.State
SIMILAR = 8
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


@admin.register(CustomerProfile)
class CustomerProfileAdmin(ReadOnly):
    """Who the customers are: segments with their money, then one row a customer."""

    list_display = [
        "who",
        "segment",
        "orders",
        "spend",
        "lifetime_value",
        "risk",
        "last_order_at",
        "next_visit_on",
        "cadence_days",
        "deals",
        "buys",
    ]
    list_filter = ["segment", "monetary_score", "frequency_score", "recency_score"]
    search_fields = ["customer"]
    search_help_text = _("A customer's id in the shop, or a key.")
    ordering = ["-lifetime_value", "customer"]
    list_before_template = "ml/segments.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {"totals": customers.segment_totals(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerProfile]:
        names = Customer.objects.filter(key=OuterRef("customer"))
        name = Coalesce("external_id", "anonymous_id")
        rows: QuerySet[CustomerProfile] = super().get_queryset(request)
        return rows.annotate(shop_id=Subquery(names.values_list(name)[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a person by any of their ids."""
        if not (term := search_term.strip()):
            return queryset, False
        named = Customer.objects.filter(
            Q(external_id__icontains=term) | Q(anonymous_id__icontains=term)
        )
        keys = Q(customer__in=named.values_list(Coalesce("person", "key")))
        with contextlib.suppress(ValueError):
            keys |= Q(customer=UUID(term))
        return queryset.filter(keys), False

    @admin.display(description=_("Customer"), ordering="shop_id")
    def who(self, profile: Any) -> str:
        return profile.shop_id or str(profile.customer)

    @admin.display(description=_("Churn risk"), ordering="churn_risk")
    def risk(self, profile: CustomerProfile) -> str:
        return "" if profile.churn_risk is None else f"{profile.churn_risk:.0%}"

    @admin.display(description=_("Deal index"), ordering="deal_index")
    def deals(self, profile: CustomerProfile) -> str:
        return "" if profile.deal_index is None else f"{profile.deal_index:.2f}"

    @admin.display(description=_("Buys most often"))
    def buys(self, profile: CustomerProfile) -> str:
        return ", ".join(profile.favourites)


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


class ListedProductAdmin(ProductAdmin):
    """A product, and which others its listing is like."""

    readonly_fields = ["similar"]

    @admin.display(description=_("Similar products"))
    def similar(self, product: Product) -> str:
        skus = searching.alike(product.sku, most=SIMILAR)
        found = Product.objects.in_bulk(skus)
        links = (
            (
                reverse("admin:catalog_product_change", args=[quote(sku)]),
                sku,
                found[sku],
            )
            for sku in skus
            if sku in found
        )
        shown = format_html_join(
            mark_safe("<br>"),
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{} {}</a>',
            links,
        )
        return shown or gettext("None is known: its listing was not read yet.")


admin.site.unregister(Product)
admin.site.register(Product, ListedProductAdmin)


@admin.register(ContentRun)
class ContentRunAdmin(ReadOnly):
    """How far listings are read: what a search finds."""

    list_display = [
        *("source", "waiting", "read", "faults", "model"),
        *("started_at", "finished_at"),
    ]
    fields = list_display
    ordering = ["source"]


@admin.register(ProductTwin)
class ProductTwinAdmin(Acting):
    """Products that may be listed twice; a person says so, or that they are not."""

    list_display = ["pill", "one", "other", "chance", "why", "by", "at"]
    list_filter = ["state", "why"]
    search_fields = ["first__sku", "first__name", "second__sku", "second__name"]
    list_select_related = ["first", "second"]
    ordering = ["-likelihood", "pk"]
    show_full_result_count = False
    list_per_page = 25  # a row tells of two products
    actions = ["are_same", "are_different", "look_again"]

    @display(  # type: ignore[untyped-decorator]
        description=_("State"),
        label={"waiting": "warning", "same": "success", "different": "danger"},
        ordering="state",
    )
    def pill(self, pair: ProductTwin) -> tuple[str, str]:
        return pair.state, pair.get_state_display()

    @admin.display(description=_("Product"), ordering="first")
    def one(self, pair: ProductTwin) -> str:
        return _listing(pair.first)

    @admin.display(description=_("May be the same as"), ordering="second")
    def other(self, pair: ProductTwin) -> str:
        return _listing(pair.second)

    @admin.display(description=_("Likelihood"), ordering="likelihood")
    def chance(self, pair: ProductTwin) -> str:
        return f"{100 * pair.likelihood:.0f} %"

    @admin.action(description=_("The selected are the same"))
    def are_same(self, request: HttpRequest, rows: QuerySet[ProductTwin]) -> None:
        self._decide(request, rows, ProductTwin.State.SAME)

    @admin.action(description=_("The selected are not the same"))
    def are_different(self, request: HttpRequest, rows: QuerySet[ProductTwin]) -> None:
        self._decide(request, rows, ProductTwin.State.DIFFERENT)

    @admin.action(description=_("Let a person look at the selected again"))
    def look_again(self, request: HttpRequest, rows: QuerySet[ProductTwin]) -> None:
        self._decide(request, rows, ProductTwin.State.WAITING)

    def _decide(
        self, request: HttpRequest, rows: QuerySet[ProductTwin], state: str
    ) -> None:
        keys = rows.values_list("pk", flat=True)
        twins.decide(keys, state, by=request.user.get_username(), at=clock.now())


def _listing(product: Product) -> str:
    told = (product.name, product.brand, product.size)
    return format_html(
        '{}<br><span class="text-font-subtle-light">{}</span>',
        " · ".join(part for part in told if part),
        product.sku,
    )
