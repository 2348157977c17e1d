"""The documents, their sections, tables and links; the code that they are about."""

import re
from collections.abc import Iterator
from pathlib import Path

from config import services

ROOT = services.ROOT
DOCS = ROOT / "docs"
MARKDOWN = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
OURS = ("analytics", "catalog", "config", "demo", "ml", "promotions")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text(path: str) -> str:
    return (ROOT / path).read_text()


def code() -> Iterator[Path]:
    for app in OURS:
        yield from (ROOT / app).rglob("*.py")


def section(page: str, heading: str) -> str:
    """Return what stands between a heading and the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", page, re.S | re.M)
    assert found, f"no heading {heading}"
    return found[1]


def rows(page: str) -> dict[str, str]:
    """Return a section's table rows: the name in backticks -> the last cell."""
    return dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", page, re.M))
