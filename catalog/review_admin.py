"""What people say in the back office: read, published, hidden. Nothing is edited."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from analytics import clock
from analytics.back_office import Acting
from catalog import reviews
from catalog.models import Review

TONES = {"positive": _("positive"), "neutral": _("neutral"), "negative": _("negative")}


@admin.register(Review)
class ReviewAdmin(Acting):
    """Texts wait here for a moderator, with what a model read from them."""

    list_display = [
        *("shown", "pill", "tone_pill", "rating", "sku", "topic", "source"),
        "written_at",
    ]
    list_filter = ["state", "source", "topic", "language"]
    search_fields = ["=id", "=sku", "text"]
    search_help_text = _("Words of the text, an id, or a sku")
    ordering = ["-written_at", "id"]
    show_full_result_count = False
    actions = ["publish", "hide"]

    @display(description=_("Text"))  # type: ignore[untyped-decorator]
    def shown(self, review: Review) -> str:
        return Truncator(review.text).chars(120)

    @display(  # type: ignore[untyped-decorator]
        description=_("State"),
        label={"published": "success", "pending": "warning", "hidden": "danger"},
        ordering="state",
    )
    def pill(self, review: Review) -> tuple[str, str]:
        return review.state, review.get_state_display()

    @display(  # type: ignore[untyped-decorator]
        description=_("Tone"),
        label={"positive": "success", "neutral": "info", "negative": "danger"},
        ordering="negative",
    )
    def tone_pill(self, review: Review) -> tuple[str, str]:
        return review.tone, str(TONES.get(review.tone, ""))

    @admin.action(description=_("Publish"))
    def publish(self, request: HttpRequest, rows: QuerySet[Review]) -> None:
        ids = list(rows.values_list("id", flat=True))
        who = request.user.get_username()
        done = reviews.publish(ids, by=who, at=clock.now())
        told = ngettext("%d text is published.", "%d texts are published.", done)
        messages.success(request, told % done)

    @admin.action(description=_("Hide"))
    def hide(self, request: HttpRequest, rows: QuerySet[Review]) -> None:
        ids = list(rows.values_list("id", flat=True))
        who = request.user.get_username()
        done = reviews.hide(ids, by=who, at=clock.now())
        told = ngettext("%d text is hidden.", "%d texts are hidden.", done)
        messages.success(request, told % done)
