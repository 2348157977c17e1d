"""A bench's table: figures against peers and limits, kept in docs/benchmarks.md."""

import os
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from config.services import ROOT

RESULTS = ROOT / "docs" / "benchmarks.md"
TITLE = """# Benchmarks

Made by `make bench` and its sisters (`make help` lists them); do not edit.
Ratios count, not rates: each peer was measured in the same run. A ratio is ours over
the peer's, or over the limit.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure: ours, the peer's, their ratio, and the most it may be."""

    figure: str
    ours: str
    peer: str
    ratio: float | None
    goal: float | None

    @property
    def verdict(self) -> str:
        if self.ratio is None or self.goal is None:
            return ""
        return "✓" if self.ratio <= self.goal else "✗"


def best(times: int, what: Callable[[], float]) -> float:
    return min(what() for _ in range(times))


def signed(gain: NDArray[Any]) -> str:
    """Say a mean gain of ours, with its standard error."""
    error = gain.std() / len(gain) ** 0.5
    return f"ours {100 * gain.mean():+.1f} ± {100 * error:.1f}"


def against(
    figure: str,
    ours: float,
    peer: float,
    goal: float | None,
    name: str,
    unit: str = "s",
) -> Row:
    return Row(
        figure=figure,
        ours=f"{ours:.2f} {unit}",
        peer=f"{name}: {peer:.2f} {unit}",
        ratio=ours / peer,
        goal=goal,
    )


def limit(figure: str, ours: float, limit: float, digits: int = 1) -> Row:
    return Row(
        figure=figure,
        ours=f"{ours:.{digits}f}",
        peer=f"limit: {limit}",
        ratio=ours / limit,
        goal=1.0,
    )


def least(figure: str, ours: float, goal: float, unit: str, digits: int = 0) -> Row:
    """A rate that should be at least so much; the ratio is turned round."""
    return Row(
        figure=figure,
        ours=f"{ours:,.{digits}f} {unit}".rstrip(),
        peer=f"at least {goal:,.{digits}f}",
        ratio=goal / ours,
        goal=1.0,
    )


def within(figure: str, ours: float, low: float, high: float) -> Row:
    """A figure that belongs in a band; the ratio is from its middle to its edge."""
    return Row(
        figure=figure,
        ours=f"{ours:.1f}",
        peer=f"between {low:.3g} and {high:.3g}",
        ratio=abs(ours - (low + high) / 2) / ((high - low) / 2),
        goal=1.0,
    )


def shown(figure: str, ours: str, peer: str = "") -> Row:
    """A figure to be seen beside others, without a goal."""
    return Row(figure=figure, ours=ours, peer=peer, ratio=None, goal=None)


def show(section: str, rows: Sequence[Row]) -> None:
    """Print a section's table, and put it into the page in place of the old one."""
    table = Table("figure", "ours", "peer", "ratio", "goal", "", title=section)
    lines = ["| figure | ours | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        goal = "" if row.goal is None else f"{row.goal:g}"
        cells = (row.figure, row.ours, row.peer, ratio, goal, row.verdict)
        table.add_row(*cells)
        lines.append(f"| {' | '.join(cells)} |")
    Console().print(table)
    _write(section, f"{_machine()}\n\n{chr(10).join(lines)}\n")


def _write(section: str, text: str) -> None:
    page = RESULTS.read_text() if RESULTS.exists() else ""
    # A heading, and all up to the next one or the end.
    sections = dict(re.findall(r"^## (.+?)\n\n(.*?)(?=^## |\Z)", page, re.S | re.M))
    sections[section] = text
    parts = [f"## {name}\n\n{body.rstrip()}\n" for name, body in sections.items()]
    RESULTS.write_text("\n".join([TITLE, *parts]))


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({_processor()}), "
        f"{memory:.0f} GiB, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(names, platform.processor())
