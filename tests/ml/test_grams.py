"""A Chinese text's runs: within a clause, at their places, by characters alone."""

from hypothesis import given
from hypothesis import strategies as st

from ml.grams import BUCKETS, CLAUSE, LONGEST_RUN, grams

TEXTS = st.text("好坏快慢不很A，。 !İ", max_size=40)
Run = tuple[str, int, int]


def runs(text: str) -> list[Run]:
    """Return each run and its place, shorter ones first, as slowly as can be said."""
    clauses = list(CLAUSE.finditer(text.lower()))
    found = []
    for size in range(1, LONGEST_RUN + 1):
        for clause in clauses:
            marked = f"^{clause.group()}$"
            at = [clause.start(), *range(*clause.span()), clause.end() - 1]
            for start in range(len(marked) - size + 1):
                run = marked[start : start + size]
                found.append((run, at[start], at[start + size - 1] + 1))
    return found


@given(TEXTS)
def test_runs_are_those_of_each_clause(text: str) -> None:
    piece, slow = grams(text, "zh"), runs(text)

    places = zip(piece.first.tolist(), piece.last.tolist(), strict=True)
    assert list(places) == [(first, last) for _, first, last in slow]
    assert "".join(piece.units) == text.lower()


@given(TEXTS, TEXTS)
def test_a_run_has_one_bucket_wherever_it_stands(one: str, other: str) -> None:
    bucket: dict[str, int] = {}
    for text in (one, other):
        buckets = grams(text, "zh").buckets.tolist()
        for (run, _, _), found in zip(runs(text), buckets, strict=True):
            assert 0 <= found < BUCKETS
            assert bucket.setdefault(run, found) == found


def test_runs_of_different_characters_are_told_apart() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(200))

    buckets = grams(text, "zh").buckets

    assert len(set(buckets.tolist())) > 0.99 * len(buckets)
