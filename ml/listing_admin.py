"""Listings in the back office: similar products, twins, how far they are read."""

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics import clock
from analytics.back_office import Acting, ReadOnly
from catalog.admin import ProductAdmin
from catalog.models import Product
from ml import searching, twins
from ml.models import ContentRun, ProductTwin

SIMILAR = 8


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


# catalog knows nothing of ml: its page of a product is replaced from here.
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
