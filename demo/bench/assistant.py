"""How the assistant answers questions, of us who built it and of somebody who did not.

The cast is demo.bench.service_cast. The second file was written by somebody who knew
the cast and the kinds alone; so were the third and the fourth, by others. Limits were
chosen on the first three, never on the fourth: see decision 41.
"""

from collections.abc import Iterator
from pathlib import Path

from demo.bench import helping, questions, service_cast
from demo.bench.table import Row, least, limit, show, shown

TESTS = Path(__file__).parents[2] / "tests" / "promotions"
FILES = {
    "ours": "questions.jsonl",
    "others'": "questions_of_others.jsonl",
    "fresh": "questions_fresh.jsonl",
    "blind": "questions_blind.jsonl",
}


def run() -> None:
    """Ask every file's questions and show what came back."""
    service_cast.make()
    asked = [row for of in FILES for row in _rows(of)]
    show("Assistant", [*asked, *helping.rows()])


def _rows(of: str) -> Iterator[Row]:
    asked = questions.read(TESTS / FILES[of])
    found = questions.score([questions.judge(one) for one in asked])
    name = f"{found.questions} questions, {of}"
    yield least(f"{name}: right or handed over", 100 * found.good, 95, "%", 1)
    yield least(f"{name}: answered, of what can be", 100 * found.useful, 80, "%", 1)
    yield shown(f"{name}: handed over", str(found.handed))
    yield shown(f"{name}: another question answered", str(found.wrong))
    yield shown(f"{name}: lacks a fact", str(found.false))
    yield shown(f"{name}: tells a secret", str(found.leaks))
    yield limit(f"{name}: an answer, 95th percentile, ms", found.p95, 300)
