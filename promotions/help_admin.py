"""Help texts in the back office: a change is a draft, until somebody publishes it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from analytics import clock
from analytics.back_office import Listed
from analytics.languages import said
from promotions import help_texts
from promotions.models import HelpText

COLOURS = {"draft": "warning", "published": "success", "retired": "info"}


class HelpTextForm(forms.ModelForm):
    """How customers ask is written one a line."""

    asked = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget)

    class Meta:
        model = HelpText
        fields = ("slug", "language", "title", "body", "asked", "link")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "asked" not in self.fields:  # who may only look
            return
        of = HelpText._meta.get_field("asked")
        self.fields["asked"].label, self.fields["asked"].help_text = (
            of.verbose_name,
            of.help_text,
        )
        self.initial["asked"] = "\n".join(self.instance.asked)

    def clean(self) -> dict[str, Any]:
        """Refuse to write over a draft that this page does not show."""
        sent = {**(super().clean() or {})}
        slug = sent.get("slug") or self.instance.slug
        language = sent.get("language") or self.instance.language
        others = HelpText.objects.exclude(pk=self.instance.pk)
        draft = others.filter(
            slug=slug, language=language, state=HelpText.State.DRAFT
        ).first()
        if draft:
            raise forms.ValidationError(
                _("Version %(version)s is a draft already: change that one.")
                % {"version": draft.version}
            )
        return sent

    def clean_asked(self) -> list[str]:
        lines = [one.strip() for one in self.cleaned_data["asked"].splitlines()]
        if any(len(one) > 200 for one in lines):
            raise forms.ValidationError(_("A line has at most 200 letters."))
        return [one for one in lines if one]


@admin.register(HelpText)
class HelpTextAdmin(Listed, ModelAdmin):
    """Whoever saves a published text makes its next version, a draft."""

    form = HelpTextForm
    list_display = ["title", "slug", "language", "version", "pill", "edited_by"]
    list_filter = ["state", "language"]
    search_fields = ["slug", "title", "body"]
    ordering = ["slug", "language", "-version"]
    actions = ["publish", "retire"]
    fields = ["slug", "language", "title", "body", "asked", "link"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: HelpText | None = None
    ) -> list[str]:
        # What conversations cite a text by stays.
        return ["slug", "language"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Versions stay: conversations cite them."""
        return False

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=COLOURS, ordering="state"
    )
    def pill(self, text: HelpText) -> tuple[str, str]:
        return text.state, text.get_state_display()

    def save_model(
        self,
        request: HttpRequest,
        obj: HelpText,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        made = help_texts.write(
            obj.slug,
            obj.language,
            by=request.user.get_username(),
            at=clock.now(),
            **{name: form.cleaned_data[name] for name in help_texts.FIELDS},
        )
        # What Django says and logs afterwards is of `obj`: of the draft, then.
        obj.pk, obj.version = made.pk, made.version
        messages.info(
            request,
            _("Version %s is a draft: customers read it once it is published.")
            % made.version,
        )

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Publishing has a permission of its own."""
        may = request.user.has_perm("promotions.publish_helptext")
        return super().get_actions(request) if may else {}

    @admin.action(description=_("Publish: customers read it from now on"))
    def publish(self, request: HttpRequest, rows: QuerySet[HelpText]) -> None:
        for row in rows:
            try:
                help_texts.publish(
                    row.pk, by=request.user.get_username(), at=clock.now()
                )
            except help_texts.NotADraft as refused:
                messages.error(request, said(refused.args[0]))

    @admin.action(description=_("Retire: customers do not read it any more"))
    def retire(self, request: HttpRequest, rows: QuerySet[HelpText]) -> None:
        for row in rows:
            try:
                help_texts.retire(
                    row.pk, by=request.user.get_username(), at=clock.now()
                )
            except help_texts.NotPublished as refused:
                messages.error(request, said(refused.args[0]))
