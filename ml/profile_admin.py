"""Customers in the back office: segments with their money, then one row a customer."""

import contextlib
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from analytics.back_office import ReadOnly
from analytics.models import Customer
from ml import customers
from ml.models import CustomerProfile


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
        # In the list's own query: a look-up a row would be fifty a page.
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
