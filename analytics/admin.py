"""The log and its readers in the back office; nothing is edited, all is decided."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from analytics import (
    access,
    back_office,
    clock,
    glances,
    identity,
    ingestion,
    links,
    privacy,
    replays,
)
from analytics.back_office import Acting, ReadOnly
from analytics.languages import reread, said
from analytics.models import (
    ApiKey,
    Archive,
    Checkpoint,
    Customer,
    Erasure,
    Profile,
    Rejection,
    StoredEvent,
    WrongKey,
)

WORDS = 10
"""Of consent: so many of the last are shown."""


@admin.register(StoredEvent)
class StoredEventAdmin(ReadOnly):
    list_display = ["position", "type", "customer", "source", "occurred_at", "bot"]
    list_filter = ["type", "bot"]
    search_fields = ["customer", "stream"]
    search_help_text = _("A customer's key, or a stream such as strategy:…")
    ordering = ["-position"]
    # Else each page counts the whole log.
    show_full_result_count = False


def _key(given: str | None) -> UUID | None:
    try:
        return UUID(given or "")
    except ValueError:
        return None


@admin.register(Customer)
class CustomerAdmin(Acting):
    """One page for a person: ids, consent, newest events, export and erasure.

    Who may do which is three permissions, so that support can do without the last.
    """

    list_display = ["__str__", "key", "person", "consent", "created_at"]
    list_filter = ["consent"]
    search_fields = ["external_id", "anonymous_id", "=key"]
    ordering = ["external_id", "anonymous_id"]
    show_full_result_count = False
    # Outside of the page's own form: browsers drop forms inside of forms.
    change_form_outer_before_template = "admin/analytics/customer/person.html"
    fields = ["created_at"]  # the template shows the rest, in words

    def get_urls(self) -> list[URLPattern]:
        doors: dict[str, Callable[..., HttpResponse]] = {
            "consent": self.say,
            "export": self.export,
            "unlink": self.unlink,
            "erase": self.erase,
        }
        ours = [
            path(
                f"{name}/<uuid:key>",
                self.admin_site.admin_view(door),
                name=f"analytics_customer_{name}",
            )
            for name, door in doors.items()
        ]
        return [*ours, *super().get_urls()]

    def export(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Download all that is held of a person."""
        customer = get_object_or_404(Customer, key=key)
        if not request.user.has_perm("analytics.export_customer"):
            return self._refused(request, key)
        response = JsonResponse(privacy.export(customer.key))
        response["Content-Disposition"] = f'attachment; filename="{key}.json"'
        return response

    def unlink(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Undo what made this id another's."""
        allowed = self.has_change_permission(request)
        if request.method != "POST" or not allowed:
            return self._refused(request, key, allowed=allowed)
        try:
            links.unlink(key, by=request.user.get_username(), at=clock.now())
        except links.NotLinked as refusal:
            messages.error(request, said(refusal.args[0]))
        else:
            messages.success(request, _("The link is undone."))
        return redirect(reverse("admin:analytics_customer_change", args=[key]))

    def erase(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Erase a person, if the operator has typed the id."""
        customer = get_object_or_404(Customer, key=key)
        allowed = request.user.has_perm("analytics.erase_customer")
        if request.method != "POST" or not allowed:
            return self._refused(request, key, allowed=allowed)
        if request.POST.get("name", "").strip() != customer.name.strip():
            messages.error(request, _("That is not the id: nothing was erased."))
            return redirect(reverse("admin:analytics_customer_change", args=[key]))
        by = request.user.get_username()
        done = privacy.erase(customer.key, by=by, at=clock.now())
        messages.success(request, _("Erased. The receipt is %s.") % done.id)
        return redirect(reverse("admin:analytics_customer_changelist"))

    def say(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Record what a customer told an operator of personal offers, as the API does.

        It counts from this moment, and says who took it down.
        """
        customer = get_object_or_404(Customer, key=key)
        allowed = request.user.has_perm("analytics.consent_customer")
        word = {"yes": True, "no": False}.get(request.POST.get("word", ""))
        if request.method != "POST" or not allowed or word is None:
            return self._refused(request, key, allowed=allowed)
        by = request.user.get_username()
        result = ingestion.consent(
            customer=customer.external_id,
            anonymous=customer.anonymous_id,
            personalised=word,
            source=f"operator {by}",
            at=clock.now(),
        )
        if result.status == "rejected":
            messages.error(request, f"{reread(result.reason)} ({result.path})")
        else:
            messages.success(request, _("The customer's word is recorded."))
        return redirect(reverse("admin:analytics_customer_change", args=[key]))

    def _refused(
        self, request: HttpRequest, key: UUID, *, allowed: bool = False
    ) -> HttpResponse:
        if not allowed:
            messages.error(request, _("You may not do this."))
        return redirect(reverse("admin:analytics_customer_change", args=[key]))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        may = request.user.has_perm
        context: dict[str, Any] = {
            "may_change": self.has_change_permission(request),
            "may_export": may("analytics.export_customer"),
            "may_erase": may("analytics.erase_customer"),
            "may_say": may("analytics.consent_customer"),
        }
        keys = identity.keys(key) if (key := _key(object_id)) else []
        person = Customer.objects.filter(key__in=keys).order_by("created_at")
        if mine := [one for one in person if one.key == key]:
            context |= {
                "person": person,
                "consent": mine[0].consent,
                "words": glances.latest(keys, ["consent_changed"], most=WORDS),
            }
        context |= extra_context or {}
        return super().changeform_view(request, object_id, form_url, context)


@admin.register(Profile)
class ProfileAdmin(ReadOnly):
    list_display = ["customer", "orders", "spend", "views", "dwell_ms", "last_seen_at"]
    search_fields = ["=customer"]
    ordering = ["-spend"]


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = [
        back_office.worded("projection", _("projection")),
        "position",
        "moved_at",
        back_office.worded("error", _("error")),
    ]
    fields = list_display
    readonly_fields = list_display
    ordering = ["projection"]


REASON = back_office.worded("reason", _("reason"))


@admin.register(Rejection)
class RejectionAdmin(Acting):
    """The dead letters: read the reason, mend the cause, replay."""

    list_display = [
        *("received_at", "source", REASON, "path"),
        *("replays", "resolved_at"),
    ]
    list_filter = ["source", ("resolved_at", admin.EmptyFieldListFilter)]
    search_fields = ["reason", "path"]
    ordering = ["-received_at"]
    fields = [
        *("received_at", "source", REASON, "path", "call"),
        *("replays", "resolved_at", "sent"),
    ]
    readonly_fields = [REASON, "sent"]
    actions = ["replay"]

    @admin.display(description=_("What was sent"))
    def sent(self, rejection: Rejection) -> str:
        return bytes(rejection.body[:10_000]).decode(errors="backslashreplace")

    @admin.action(description=_("Replay the selected rejections"))
    def replay(self, request: HttpRequest, rows: QuerySet[Rejection]) -> None:
        ids = rows.order_by("id").values_list("id", flat=True)
        accepted, refused = replays.replay(ids, at=clock.now())
        told = _("%(accepted)s accepted, %(refused)s refused again.")
        say = messages.warning if refused else messages.success
        say(request, told % {"accepted": accepted, "refused": refused})


@admin.register(WrongKey)
class WrongKeyAdmin(ReadOnly):
    list_display = ["__str__", "attempts", "first_at", "last_at"]
    ordering = ["-last_at"]


@admin.register(Archive)
class ArchiveAdmin(ReadOnly):
    list_display = ["__str__", "events", "path", "archived_at"]
    ordering = ["-month"]


@admin.register(Erasure)
class ErasureAdmin(ReadOnly):
    list_display = ["id", "erased_at", "by", "events"]
    ordering = ["-erased_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(Acting):
    """Keys are made by the page that connects a shop, or `manage.py create_key`."""

    list_display = ["name", "scopes", "publishable", "created_at", "revoked_at"]
    ordering = ["name"]
    actions = ["revoke"]

    @admin.action(description=_("Revoke the selected keys"))
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys:
            access.revoke_key(key.pk)
        told = _("%s keys revoked: they stopped working now.")
        messages.success(request, told % len(keys))
