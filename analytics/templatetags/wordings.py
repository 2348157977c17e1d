"""`{{ text|said }}` and `{{ text|reread }}`: English of ours in a page's language."""

from typing import Any

from django import template
from django.conf import settings
from django.utils.html import escape, format_html
from django.utils.translation import get_language

from analytics import languages

register = template.Library()
register.filter(languages.said)
register.filter(languages.actor)
register.filter(languages.written)
register.filter("reread_plain", languages.reread)


@register.filter
def reread(text: Any) -> str:
    """Say again what was kept in English; what stays so is marked, for readers."""
    told = languages.reread(languages.said(text))
    english = get_language() in (None, settings.LANGUAGE_CODE)
    if english or told != text or not str(text):
        return escape(told)
    return format_html('<span lang="en">{}</span>', told)
