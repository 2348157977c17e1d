"""The catalogue in the back office: a mirror of the shop's feed, read only."""

from django.contrib import admin

from analytics.admin import ReadOnly
from catalog.models import Product


@admin.register(Product)
class ProductAdmin(ReadOnly):
    list_display = ["sku", "name", "category", "brand", "price", "stock", "updated_at"]
    list_filter = ["promotable", "department"]
    search_fields = ["sku", "name", "category"]
    ordering = ["sku"]
    show_full_result_count = False
    list_per_page = 50
