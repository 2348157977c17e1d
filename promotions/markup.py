"""Links and small tables in the back office's pages."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

Text = TypeVar("Text", bound=str)


def link(page: str, key: Any, text: Any) -> SafeString:
    """Link a page of the back office."""
    return anchor(reverse(f"admin:{page}", args=[key]), text)


def anchor(url: str, text: Any) -> SafeString:
    """Return a link that looks like one."""
    return format_html(
        '<a href="{}" style="text-decoration: underline">{}</a>', url, text
    )


CELL = "padding: .375rem 1.5rem .375rem 0; text-align: left; vertical-align: top"


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> SafeString:
    """Return a small table that scrolls by itself where it is too wide."""
    body = [
        format_html(
            '<tr style="border-top: 1px solid rgb(128 128 128 / .3)">{}</tr>',
            format_html_join("", f'<td style="{CELL}">{{}}</td>', [(c,) for c in row]),
        )
        for row in rows
    ]
    if not body:
        return format_html("{}", _("none"))
    return format_html(
        '<div style="overflow-x: auto; max-width: calc(100vw - 4rem)"><table>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        format_html_join("", f'<th style="{CELL}">{{}}</th>', [(one,) for one in head]),
        SafeString("".join(body)),
    )


def once(of: Callable[[Any, Any], Text]) -> Callable[[Any, Any], Text]:
    """Have a page's field asked once: the theme's template asks for it five times."""

    @wraps(of)
    def told(admin: Any, row: Any) -> Text:
        kept: dict[str, Text] = row.__dict__.setdefault("_told", {})
        if of.__name__ not in kept:
            kept[of.__name__] = of(admin, row)
        return kept[of.__name__]

    return told
