"""Lists in the back office: nothing is edited; what may be done is an action."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import capfirst
from unfold.admin import ModelAdmin

from analytics.languages import reread


def worded(name: str, label: Any, told: Callable[[str], str] = reread) -> Any:
    """Return a column of a table that keeps English of ours, in the page's language."""

    @admin.display(description=label, ordering=name)
    def column(row: Any) -> str:
        return told(getattr(row, name))

    return column


class Worded(admin.AllValuesFieldListFilter):
    """A filter by values that are words of ours."""

    def choices(self, changelist: Any) -> Any:
        for one in super().choices(changelist):
            yield one | {"display": reread(str(one["display"]))}


class Listed(ModelAdmin):
    """A list called by what it lists."""

    list_per_page = 50  # a row costs 2 ms of templates on two slow cores

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        title = capfirst(str(self.opts.verbose_name_plural))
        more = {"title": title, **(extra_context or {})}
        return super().changelist_view(request, more)


class ReadOnly(Listed):
    """Rows that only the platform itself writes; their history is the log."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        more = {"show_history": False, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, more)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Acting(ReadOnly):
    """Read only, but for actions of those who may change the table."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        opts = self.model._meta
        name = f"{opts.app_label}.change_{opts.model_name}"
        # Of the list, for its actions; a row's own page stays without a form.
        return obj is None and bool(request.user.has_perm(name))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Django offers actions, and takes them, from all who may view."""
        return (
            super().get_actions(request) if self.has_change_permission(request) else {}
        )
