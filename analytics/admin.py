"""The log and its readers in the back office: read only, but for keys."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from analytics import access
from analytics.models import (
    ApiKey,
    Checkpoint,
    Customer,
    Profile,
    Rejection,
    StoredEvent,
)


class ReadOnly(ModelAdmin):
    """Rows that only the platform itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(StoredEvent)
class StoredEventAdmin(ReadOnly):
    list_display = ["position", "type", "customer", "occurred_at", "recorded_at"]
    list_filter = ["type"]
    search_fields = ["customer", "stream"]
    search_help_text = "A customer's key, or a stream such as strategy:…"
    ordering = ["-position"]
    show_full_result_count = False
    list_per_page = 50


@admin.register(Customer)
class CustomerAdmin(ReadOnly):
    list_display = ["external_id", "key", "created_at"]
    search_fields = ["external_id"]
    ordering = ["external_id"]


@admin.register(Profile)
class ProfileAdmin(ReadOnly):
    list_display = ["customer", "orders", "spend", "discounts", "last_order_at"]
    search_fields = ["customer"]
    ordering = ["-spend"]


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = ["projection", "position", "moved_at", "error"]
    ordering = ["projection"]


@admin.register(Rejection)
class RejectionAdmin(ReadOnly):
    list_display = ["received_at", "source", "reason", "path"]
    list_filter = ["source"]
    ordering = ["-received_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    """Keys are made by `manage.py create_key`, which shows them once."""

    list_display = ["name", "scopes", "created_at", "revoked_at"]
    ordering = ["name"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and request.user.has_perm("analytics.change_apikey")

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys:
            access.revoke_key(key.pk)
        messages.success(
            request, f"{len(keys)} keys revoked: they stopped working now."
        )
