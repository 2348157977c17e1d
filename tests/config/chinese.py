"""Pages as a Chinese operator sees them, and what English is left there."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

CHINESE: Any = {"HTTP_ACCEPT_LANGUAGE": "zh-Hans"}
ENGLISH = re.compile(r"[A-Za-z]{2,}")
ALLOWED = set(
    ENGLISH.findall(
        "admin API AUC Benjamini Brier CPU CSV DR ECE en English esc GET hans Hochberg "
        "Holm ID IPS JSON log NDCG NUL offers Parquet Proffer SHA SKU SNIPS Switch "
        "true USD UTC var Webhook withheld zh GTIN US DE BY PUT calendar stock MARKET "
        "TOKEN columns currency competitor series items next docs market md http Enter "
        "XLSX Lines MiB UTF GB Windows csv xlsx jsonl parquet Europe Berlin"
    )
)
"""Words that are the same in Chinese."""
DATA = set(
    ENGLISH.findall(
        "Ana ana arm blend due fits Good June logistic MILK Milk milk MUGS Mug mug "
        "near olga platform Propensity propensity TEA Tea tea test week sku name price "
        "Rival temperature"
    )
)
"""What the cast's rows hold."""
KEY = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NAMES = re.compile(rf"{KEY}|\w+_\w+|recency /|strategy:|与 \w+ 相同|promotions\.\w+")
"""Keys, types of events, features, modules."""


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    """A request leaves its language behind in the thread."""
    with translation.override("en"):
        yield


class Shown(HTMLParser):
    """Collects what a person reads: texts and labels, but for code and English."""

    SKIPPED = frozenset({"script", "style", "code", "template", "textarea"})
    VOID = frozenset({"input", "br", "img", "link", "meta", "hr", "rect", "circle"})
    LABELS = ("aria-label", "title", "placeholder", "alt")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.quiet: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if self.quiet:
            self.quiet += [] if tag in self.VOID else [tag]
            return
        hidden = "material-symbols" in (given.get("class") or "")
        if tag in self.SKIPPED or given.get("lang") == "en" or hidden:
            self.quiet.append(tag)
            return
        self.texts += [given[name] for name in self.LABELS if given.get(name)]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.quiet:
            while self.quiet.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.quiet and data.strip():
            self.texts.append(data.strip())


def english(html: str) -> str:
    """Return the texts of a page with English words that are neither data nor names."""
    reader = Shown()
    reader.feed(html)
    return "\n".join(
        text
        for text in reader.texts
        if set(ENGLISH.findall(NAMES.sub("", text))) - ALLOWED - DATA
    )


def chinese(client: Client, address: str) -> str:
    answer = client.get(address, follow=True, **CHINESE)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert '<html lang="zh-hans"' in html
    return html
