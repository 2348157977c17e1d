"""Webhooks in the back office: where they go, what went, send again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from analytics import clock
from analytics.back_office import Acting
from promotions import webhooks
from promotions.models import Delivery, Endpoint

REFUSED = (
    gettext_noop("This is not an address."),
    gettext_noop("The address begins with https://."),
    gettext_noop("The address has no name and password in it."),
)
"""What analytics.outward says of addresses."""
COLOURS = {"waiting": "warning", "delivered": "success", "given up": "danger"}


class EndpointForm(forms.ModelForm):
    url = forms.URLField(
        label=_("Address"),
        max_length=500,
        assume_scheme="https",
        widget=UnfoldAdminTextInputWidget,
    )
    types = forms.MultipleChoiceField(
        label=_("Types"),
        choices=[(name, name) for name in webhooks.TYPES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: all."),
    )

    class Meta:
        model = Endpoint
        fields = ["url", "types"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            webhooks.check(cleaned.get("url", ""), cleaned.get("types", ()))
        except webhooks.BadEndpoint as error:
            raise ValidationError({error.field: gettext(str(error))}) from error
        return cleaned


@admin.register(Endpoint)
class EndpointAdmin(Acting):
    """An address is made here, switched, given a new secret or forgotten."""

    form = EndpointForm
    list_display = ["url", "told", "active", "failing_since", "created_at"]
    ordering = ["created_at"]
    actions = ["new_secret", "switch_on", "switch_off", "forget"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("promotions.add_endpoint"))

    @admin.display(description=_("Types"))
    def told(self, endpoint: Endpoint) -> str:
        return ", ".join(endpoint.types) or str(_("all"))

    def save_model(
        self,
        request: HttpRequest,
        obj: Endpoint,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        # By the topic, not by obj.save(): it draws the secret and the place in the log.
        made = webhooks.register(obj.url, obj.types, at=clock.wall())
        obj.pk = made.pk
        self._show(request, made)

    @admin.action(description=_("Give the selected endpoints a new secret"))
    def new_secret(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        for row in rows:
            self._show(request, webhooks.rotate(row.pk, at=clock.wall()))

    @admin.action(description=_("Switch on: told of all that happened meanwhile"))
    def switch_on(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        for row in rows:
            webhooks.switch(row.pk, on=True)

    @admin.action(description=_("Switch off"))
    def switch_off(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        for row in rows:
            webhooks.switch(row.pk, on=False)

    @admin.action(description=_("Forget, with all that waits for them"))
    def forget(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        if not request.user.has_perm("promotions.delete_endpoint"):
            messages.error(request, _("You may not do this."))
            return
        rows.delete()

    def _show(self, request: HttpRequest, row: Endpoint) -> None:
        told = _("The secret of %(url)s, shown only now: %(secret)s")
        messages.warning(request, told % {"url": row.url, "secret": row.secret})


@admin.register(Delivery)
class DeliveryAdmin(Acting):
    """What was sent, what waits and why, what was given up."""

    list_display = [
        "type",
        "pill",
        "endpoint",
        "attempts",
        "answer",
        "next_at",
    ]
    list_filter = ["state", "endpoint", "type"]
    ordering = ["-position"]
    list_select_related = ["endpoint"]
    # Else a page that is filtered counts all deliveries, too.
    show_full_result_count = False
    actions = ["send_again"]

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=COLOURS, ordering="state"
    )
    def pill(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @admin.display(description=_("Last answer"))
    def answer(self, delivery: Delivery) -> str:
        return delivery.error[:60] or str(delivery.status or "")

    @admin.action(description=_("Send the selected messages again"))
    def send_again(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        chosen = Delivery.objects.filter(id__in=list(rows.values_list("id", flat=True)))
        count = webhooks.send_again(chosen, at=clock.wall())
        messages.success(request, _("%s messages go out again.") % count)
