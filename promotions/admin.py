"""Offers and refreshes in the back office; the pages of all else are loaded here."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from analytics.back_office import ReadOnly, worded
from promotions import (
    campaign_admin,
    code_admin,
    help_admin,
    order_admin,
    standing_admin,
    strategy_admin,
    webhook_admin,
)
from promotions.models import Allocation, Offer

__all__ = [
    "campaign_admin",
    "code_admin",
    "help_admin",
    "order_admin",
    "standing_admin",
    "strategy_admin",
    "webhook_admin",
]
"""Loaded with this module, which is the one that Django looks for."""


@admin.register(Offer)
class OfferAdmin(ReadOnly):
    list_display = ["customer", "strategy", "gives", "expected", "expires_at"]
    list_filter = ["strategy"]
    search_fields = ["customer"]
    ordering = ["-expected"]
    list_select_related = ["strategy"]
    show_full_result_count = False
    exclude = ["variant"]
    readonly_fields = ["gives"]

    @admin.display(description=_("variant"), ordering="variant")
    def gives(self, offer: Offer) -> str:
        return offer.strategy.words(offer.variant)


@admin.register(Allocation)
class AllocationAdmin(ReadOnly):
    """What each refresh decided, proved to be within the limits, and how good."""

    list_display = [
        *("computed_at", "feasible", "share", "value", "bound", "refused"),
        worded("reason", _("reason")),
    ]
    fields = [
        *list_display,
        worded("proof", _("proof")),
        *("prices", "slack"),
    ]
    readonly_fields = fields
    list_filter = ["refused"]
    ordering = ["-computed_at"]
    show_full_result_count = False

    @admin.display(description=_("Gap"), ordering="gap")
    def share(self, allocation: Allocation) -> str:
        return "–" if allocation.gap is None else f"{100 * allocation.gap:.4f} %"
