"""Codes in the back office: batches with their progress, search, export, stop."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from analytics import clock
from analytics.back_office import Acting, ReadOnly
from analytics.languages import said
from promotions import batches, code_files, codes, giving, spelling
from promotions.models import Code, CodeBatch, Guesser, Strategy

STATES = {
    "waiting": "warning",
    "running": "info",
    "done": "success",
    "failed": "danger",
}
REFUSED = (
    gettext_noop("This is nobody's id: it stands for none."),
    gettext_noop("The customer was erased."),
    gettext_noop("Expected at least 1 use."),
    gettext_noop(
        "This code is there already, of another strategy or with other limits."
    ),
)
"""What promotions.giving may answer."""


def by_code() -> QuerySet[Strategy]:
    """Return the strategies that codes can be made for."""
    states = ["proposed", "returned", "live", "paused"]
    rows = Strategy.objects.filter(trigger=Strategy.Trigger.CODE, state__in=states)
    return rows.order_by("title")


class Making(Acting):
    """Rows that operators may make and stop, never edit."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        opts = self.model._meta
        return bool(request.user.has_perm(f"promotions.add_{opts.model_name}"))

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Say what is missing, where there is nothing to make codes for."""
        if request.method == "GET" and not by_code().exists():
            text = _("No strategy applies by a code yet, and codes are for one.")
            link = reverse("admin:promotions_strategy_add")
            told = format_html('{} <a href="{}">{}</a>', text, link, _("New strategy"))
            messages.warning(request, told)
        return super().add_view(request, form_url, extra_context)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "strategy":
            kwargs["queryset"] = by_code()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class BatchForm(forms.ModelForm):
    length = forms.IntegerField(
        label=_("Length"),
        required=False,
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Random characters; empty: the least that cannot be guessed."),
    )

    class Meta:
        model = CodeBatch
        fields = ["strategy", "number", "prefix", "length", "most_uses", "expires_at"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        asked = {name: cleaned.get(name) for name in ("number", "prefix", "length")}
        if asked["number"] is None:
            return cleaned
        try:
            cleaned["length"] = batches.check(
                asked["number"], asked["prefix"] or "", asked["length"]
            )
        except batches.BadPrefix as error:
            raise ValidationError({"prefix": said(error.args[0])}) from error
        except batches.TooShort as error:
            raise ValidationError({"length": said(error.args[0])}) from error
        except batches.TooMany as error:
            raise ValidationError({"number": said(error.args[0])}) from error
        return cleaned


@admin.register(CodeBatch)
class CodeBatchAdmin(Making):
    """Ask for random codes, see how far they are, take them away as a file."""

    form = BatchForm
    list_display = [
        "strategy",
        "pill",
        "progress",
        "file",
        "requested_by",
        "created_at",
    ]
    list_filter = ["state"]
    list_filter_submit = False
    ordering = ["-created_at"]
    list_select_related = ["strategy"]

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=STATES, ordering="state"
    )
    def pill(self, batch: CodeBatch) -> tuple[str, str]:
        return batch.state, batch.get_state_display()

    @admin.display(description=_("Made"))
    def progress(self, batch: CodeBatch) -> SafeString:
        share = 100 * batch.made // batch.number if batch.number else 100
        bar = (
            '<span style="white-space: nowrap">'
            '<span role="progressbar" aria-label="{3}" '
            'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{0}" '
            'style="display: inline-block; width: 5rem; height: .625rem; '
            "border: 1px solid rgb(128 128 128 / .6); border-radius: .25rem; "
            'background: linear-gradient(to right, #15803d {0}%, transparent 0)">'
            "</span> {1} / {2}</span>"
        )
        made, all_ = f"{batch.made:,}", f"{batch.number:,}"
        return format_html(bar, share, made, all_, _("Made"))

    @admin.display(description=_("Codes"))
    def file(self, batch: CodeBatch) -> SafeString:
        page = reverse("admin:promotions_codebatch_export", args=[batch.pk])
        link = '<a href="{}" style="text-decoration: underline">{}</a>'
        return format_html(link, page, _("Export"))

    def get_urls(self) -> list[URLPattern]:
        # The id comes last: unfold's own pattern swallows a path that ends in a verb.
        export = path(
            "export/<uuid:key>",
            self.admin_site.admin_view(self.export),
            name="promotions_codebatch_export",
        )
        return [export, *super().get_urls()]

    def export(
        self, request: HttpRequest, key: UUID
    ) -> StreamingHttpResponse | HttpResponse:
        """Download a batch's codes: they are worth money, so who may make some."""
        if not self.has_add_permission(request):
            return HttpResponse(_("You may not do this."), status=403)
        batch = get_object_or_404(CodeBatch, id=key)
        blocks = code_files.export(batch=batch.pk)
        answer = StreamingHttpResponse(blocks, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="codes-{key}.csv"'
        return answer

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        given: Mapping[str, Any] = super().get_changeform_initial_data(request)
        return {"most_uses": 1, **given}

    def save_model(
        self,
        request: HttpRequest,
        obj: CodeBatch,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        made = batches.request(
            obj.strategy,
            number=obj.number,
            prefix=obj.prefix,
            length=obj.length,
            most_uses=obj.most_uses,
            expires_at=obj.expires_at,
            by=request.user.get_username(),
            at=clock.now(),
        )
        obj.pk = made.pk


class CodeForm(forms.ModelForm):
    text = forms.CharField(
        max_length=spelling.LONGEST,
        label=_("Code"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("As customers type it: capitals, spaces and hyphens do not count."),
    )
    owner = forms.CharField(
        max_length=200,
        required=False,
        label=_("Customer"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Your id of the only person who may use it; empty: everybody."),
    )

    class Meta:
        model = Code
        fields = ["strategy", "text", "owner", "most_uses", "expires_at"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        [became] = giving.give(cleaned["strategy"], [given(cleaned)], dry_run=True)
        if became.status == "refused":
            field = {"code": "text", "customer": "owner"}.get(became.field)
            raise ValidationError({field or became.field: gettext(became.reason)})
        return cleaned


def given(cleaned: Mapping[str, Any]) -> giving.Given:
    """Return the form's code."""
    return giving.Given(
        text=cleaned["text"],
        customer=cleaned["owner"] or None,
        most_uses=cleaned["most_uses"],
        expires_at=cleaned["expires_at"],
    )


@admin.register(Code)
class CodeAdmin(Making):
    """Look a code up as customers type it, make a public one, stop some."""

    form = CodeForm
    list_display = ["text", "strategy", "used", "active", "customer", "expires_at"]
    list_filter = ["active"]
    list_filter_submit = False
    search_fields = ["digest"]
    search_help_text = _("A whole code, however it is typed")
    ordering = ["digest"]
    list_select_related = ["strategy"]
    show_full_result_count = False
    actions = ["deactivate"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A code's page has a form that makes codes; the list says all there is.
        return obj is None and bool(super().has_view_permission(request, obj))

    @admin.display(description=_("Used"), ordering="uses")
    def used(self, code: Code) -> str:
        most = "∞" if code.most_uses is None else f"{code.most_uses:,}"
        return f"{code.uses:,} / {most}"

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> None:
        return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Code], search_term: str
    ) -> tuple[QuerySet[Code], bool]:
        """Find a code by its digest: one row of the index, among millions."""
        if not search_term:
            return queryset, False
        return queryset.filter(digest=spelling.digest(search_term)), False

    def save_model(
        self,
        request: HttpRequest,
        obj: Code,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        giving.give(obj.strategy, [given(form.cleaned_data)])
        obj.pk = Code.objects.get(digest=spelling.digest(obj.text)).pk

    @admin.action(description=_("Stop the selected codes for ever"))
    def deactivate(self, request: HttpRequest, rows: QuerySet[Code]) -> None:
        count = 0
        for code in rows.iterator():
            codes.deactivate(code.id)
            count += 1
        told = _("%s codes are refused from now on.")
        messages.success(request, told % count)


@admin.register(Guesser)
class GuesserAdmin(ReadOnly):
    list_display = ["__str__", "key", "pauses", "first_at", "last_at"]
    ordering = ["-last_at"]
