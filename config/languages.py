"""English and Simplified Chinese: pages for people speak both, all else English.

What machines read (the API, the wire, files) and what is stored is English whatever a
browser prefers. Tables' and columns' names are written once, plainly, in the models;
here they become translatable, so that a new column needs no more than its message, and
no migration. `config.messages` finds all messages; a test fails on a missing one.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.admin import apps as admin_apps
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

FOREIGN = ("axes", "otp_totp", "otp_static")
OURS = ("analytics", "catalog", "ml", "promotions", "demo", *FOREIGN)
"""Whose names of tables and columns are translated here: these know no Chinese."""
PAGES = ("/admin/", "/shop/")


class Middleware(LocaleMiddleware):
    """Django's, for pages that people read."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(PAGES):
            super().process_request(request)
        else:
            translation.activate("en")
            request.LANGUAGE_CODE = "en"

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if request.path_info.startswith(PAGES):
            super().process_response(request, response)
        return response


class AdminConfig(admin_apps.AdminConfig):
    """Django's, but for names: they are translatable before forms are made of them."""

    default_site = "config.site.Site"

    def ready(self) -> None:
        for thing, name, text in names():
            setattr(thing, name, translation.gettext_lazy(text))
        title = translation.gettext_lazy("Signing in")
        for app in FOREIGN:
            apps.get_app_config(app).verbose_name = title
        super().ready()
        import_module("config.admin")


def names() -> list[tuple[Any, str, str]]:
    """Return what the back office calls tables and columns, as (of, name, English)."""
    # A lazy name says its English pattern so.
    with translation.override(None):
        return list(_names())


def _names() -> Iterator[tuple[Any, str, str]]:
    for model in _tables():
        yield from _named(model._meta, "verbose_name", "verbose_name_plural")
        for field in model._meta.concrete_fields:
            yield from _named(field, "verbose_name", "help_text")


def _tables() -> list[type[Model]]:
    return [one for one in apps.get_models() if one._meta.app_label in OURS]


def _named(thing: Any, *kinds: str) -> Iterator[tuple[Any, str, str]]:
    for kind in kinds:
        if text := str(getattr(thing, kind)):
            yield thing, kind, text
