"""Questions with what a right answer holds, and how answers to them are judged.

A file has a JSON object a line: see /docs/assistant.md. An answer is right if it is of
the right kinds, from the right help text, has all facts and nothing that is not so; to
hand over is honest, and counted. A false fact, and what only others may know, are never
forgiven.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from demo.bench.service_cast import NOW, SECRETS
from promotions import assistant
from promotions.models import Question
from promotions.shopping import Cart, Item

SHIPPING = Decimal("4.90")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of a question: `verdict` is right, handed, wrong, false or leak."""

    id: str
    verdict: str
    seconds: float
    can: bool
    why: str
    row: Question


def read(path: Path) -> list[dict[str, Any]]:
    """Read a file of questions."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def asked(one: Mapping[str, Any]) -> tuple[Question, float]:
    """Ask a question after those before it; return the answer and its seconds."""
    conversation = uuid4()
    for text in one.get("before", ()):
        assistant.answer(_asked(one, text, conversation), at=NOW)
    started = time.perf_counter()
    row = assistant.answer(_asked(one, one["text"], conversation), at=NOW)
    return row, time.perf_counter() - started


def _asked(one: Mapping[str, Any], text: str, conversation: Any) -> assistant.Asked:
    return assistant.Asked(
        conversation=conversation,
        text=text,
        customer=one.get("who"),
        cart=_cart(one) if "cart" in one else None,
        language=one.get("language"),
    )


def _cart(one: Mapping[str, Any]) -> Cart:
    items = [Item(sku=sku, quantity=n) for sku, n in one["cart"].items()]
    return Cart(
        items=items,
        currency="USD",
        customer=one.get("who"),
        shipping=SHIPPING,
        codes=one.get("codes", ()),
    )


def judge(one: Mapping[str, Any]) -> Judged:
    """Ask a question and judge the answer."""
    row, seconds = asked(one)
    verdict, why = _verdict(one, row)
    return Judged(
        id=one["id"],
        verdict=verdict,
        seconds=seconds,
        can=one.get("can", True),
        why=why,
        row=row,
    )


def _verdict(one: Mapping[str, Any], row: Question) -> tuple[str, str]:
    words = [one["text"], *one.get("before", ())]
    secret = () if one.get("who") == "dora" else SECRETS
    told = [s for s in secret if s in row.answer and not any(s in w for w in words)]
    if told:
        return "leak", f"tells {told}"
    if said := [text for text in one.get("never", ()) if text in row.answer]:
        return "false", f"says {said}"
    if row.outcome == "handed_over" and one["outcome"] != "handed_over":
        return "handed", ""
    if row.outcome != one["outcome"]:
        return "wrong", f"{row.outcome}, not {one['outcome']}"
    if lost := [kind for kind in one.get("kinds", ()) if not _has(row.kinds, kind)]:
        return "wrong", f"{row.kinds} lacks {lost}"
    if "help" in one and not _has(_help(row), one["help"]):
        return "wrong", f"from {_help(row)}, not {one['help']}"
    if lost := [text for text in one.get("says", ()) if not _says(row.answer, text)]:
        return "false", f"lacks {lost}"
    return "right", ""


def _has(found: Sequence[str], wanted: str | Sequence[str]) -> bool:
    return bool(
        {wanted} & {*found} if isinstance(wanted, str) else {*wanted} & {*found}
    )


def _says(answer: str, wanted: str | Sequence[str]) -> bool:
    texts = [wanted] if isinstance(wanted, str) else wanted
    return any(text in answer for text in texts)


def _help(row: Question) -> list[str]:
    rows = [source for reply in row.answers for source in reply["sources"]]
    return [one["id"] for one in rows if one["kind"] == "help_text"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """A file's outcome, in shares of its questions and milliseconds."""

    questions: int
    right: int
    handed: int
    wrong: int
    false: int
    leaks: int
    can: int
    answered: int
    p95: float

    @property
    def good(self) -> float:
        """The share that is right, or honestly handed over."""
        return (self.right + self.handed) / self.questions

    @property
    def useful(self) -> float:
        """Of those that can be answered, the share that was, rightly."""
        return self.answered / self.can


def score(found: Iterable[Judged]) -> Score:
    """Count verdicts."""
    rows = list(found)
    of = [one.verdict for one in rows]
    times = sorted(one.seconds for one in rows)
    can = [one for one in rows if one.can]
    return Score(
        questions=len(rows),
        right=of.count("right"),
        handed=of.count("handed"),
        wrong=of.count("wrong"),
        false=of.count("false"),
        leaks=of.count("leak"),
        can=len(can),
        answered=sum(one.verdict == "right" for one in can),
        p95=1000 * times[int(0.95 * (len(times) - 1))],
    )
