"""A table of a trial is understood: columns, control, outcome, arms that are slips."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml import trial_tables
from ml.trial_tables import Unusable, understand
from tests.ml.trials import frame, slip

RARELY = (pl.int_range(1500) < 5).cast(int)


def asked(table: pl.DataFrame, **how: Any) -> trial_tables.TrialTable:
    return understand(table, **({"treatment": "mail", "outcome": "bought"} | how))


def test_numbers_and_texts_become_columns_and_codes() -> None:
    table = asked(frame())

    assert table.columns == ("n0", "n1", "n2", "n3", "kind")
    assert table.categories == (4,)
    assert table.control == "none"
    assert table.arms == ["a"]
    assert set(table.x[:, 4]) == {0, 1, 2, 3}
    assert table.warnings == ()
    assert table.notes == ("control is mail = none (or say --control)",)


@pytest.mark.parametrize(
    ("values", "asked_for", "control", "how"),
    [
        ([0, 1], None, "0", "says so"),
        ([0.0, 1.0], None, "0", "says so"),
        ([False, True], None, "0", "says so"),
        (["Mens E-Mail", "No E-Mail"], None, "No E-Mail", "says so"),
        (["Control", "0"], None, "Control", "the word before the number"),
        (["x", "y", "y"], None, "y", "most frequent"),
        (["x", "y", "y"], "x", "x", "as told"),
    ],
)
def test_control_is_told_or_says_so_or_is_the_most_frequent(
    values: list[Any], asked_for: str | None, control: str, how: str
) -> None:
    table = asked(frame(mail=(values * 1500)[:1500]), control=asked_for)

    assert table.control == control
    assert any("most frequent" in note for note in table.notes) == (
        how == "most frequent"
    )
    assert any("control is" in note for note in table.notes) == (how != "as told")


@pytest.mark.parametrize(
    ("changes", "how", "said"),
    [
        ({}, {"treatment": "post"}, "no column post; there are n0, n1"),
        ({}, {"outcome": "sold"}, "no column sold"),
        ({}, {"exclude": ["gone"]}, "no column gone"),
        ({}, {"outcome": "mail"}, "mail cannot be both"),
        ({"mail": "a"}, {}, r"mail has one arm only \(a\)"),
        ({"bought": 1}, {}, "outcome bought is 1 in every row"),
        ({"bought": RARELY}, {}, "bought is not 0 in 5 of 1500 rows"),
        ({"bought": RARELY * 50 + 1}, {}, "bought is not 1 in 5 of 1500 rows"),
        ({"bought": "soon"}, {}, "outcome bought is no number: soon"),
        ({"mail": slip(19, "no mail")}, {"control": "no mail"}, "control is no mail"),
        (
            {"mail": pl.lit("none")},
            {"treatment": "few"},
            r"nothing to compare none with: x \(rows: 19\); at least 20 rows",
        ),
        ({"mail": slip(3, "control")}, {}, r"the control is control \(rows: 3\)"),
        ({}, {"treatment": "n0"}, "n0 has 1,500 different values"),
        ({}, {"control": "zero"}, "mail is never 'zero'; it is one of a, none"),
        ({"mail": None}, {}, "0 rows have mail and bought"),
        ({}, {"exclude": ["n0", "n1", "n2", "n3", "kind", "few"]}, "no column is left"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    changes: dict[str, Any], how: dict[str, Any], said: str
) -> None:
    few = ["x"] * 19 + ["none"] * 1481
    table = frame(few=few).with_columns(
        **{k: v if isinstance(v, pl.Expr) else pl.lit(v) for k, v in changes.items()}
    )

    with pytest.raises(Unusable, match=said):
        asked(table, **how)


def test_what_was_left_out_or_missing_is_told() -> None:
    table = frame(id=range(1500), name=[f"n{n}" for n in range(1500)], same=1)
    gaps = pl.when(pl.int_range(1500) % 10 == 0).then(None)
    table = table.with_columns(gaps.otherwise("n0").alias("n0"))
    lost = pl.when(pl.int_range(1500) < 3).then(None)
    table = table.with_columns(lost.otherwise("bought").alias("bought"))

    found = asked(table)

    assert found.columns == ("n0", "n1", "n2", "n3", "kind")
    assert len(found.y) == 1497
    told = " ".join(found.notes)
    assert "3 rows without mail or bought" in told
    assert "id was left out: it numbers the rows" in told
    assert "name was left out: nearly every row" in told
    assert "same was left out: it is the same" in told
    assert "n0 is missing in 149 rows" in told
    assert np.isnan(found.x[:, 0]).sum() == 149


@pytest.mark.parametrize("text", ["yes,no", "True,False", "1,0"])
def test_an_outcome_in_words_is_one(text: str) -> None:
    yes, no = text.split(",")
    words = [yes if y else no for y in frame()["bought"]]

    assert asked(frame(bought=words)).y.tolist() == frame()["bought"].to_list()


@pytest.mark.parametrize("rows", [1, 3, 19])
def test_a_slip_in_a_cell_is_no_arm(rows: int) -> None:
    table = asked(frame().with_columns(slip(rows, "aa", where="a").alias("mail")))

    assert table.arms == ["a"]
    assert len(table.y) == len(table.x) == len(table.treatment) == 1500 - rows
    assert f"arms of mail were left out: aa (rows: {rows})" in " ".join(table.notes)


def test_a_small_arm_stays_and_nothing_is_told() -> None:
    table = asked(frame().with_columns(slip(20, "aa", where="a").alias("mail")))

    assert table.arms == ["a", "aa"]
    assert "left out" not in " ".join(table.notes)


def test_a_slip_in_a_number_makes_no_other_arms_of_the_rest() -> None:
    mail = [0.5, *([0.0, 1.0] * 750)[1:]]

    table = asked(frame(mail=mail))

    assert (table.control, table.arms) == ("0", ["1"])


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0, 50, "bought is 0 or 50, measured as a number"),
        (-5, -1, "bought is -5 or -1, measured as a number"),
        (1, 2, "bought is 1 or 2, measured as a number"),
        (0.0, 0.5, "bought is 0 or 0.5, measured as a number"),
        (0, 1, None),
        (False, True, None),
        ("no", "Yes", "bought: yes counts as 1, no as 0"),
    ],
)
def test_two_numbers_are_measured_as_they_are(
    low: Any, high: Any, told: str | None
) -> None:
    events = frame()["bought"].to_list()
    table = asked(frame(bought=[high if event else low for event in events]))

    counted = (0, 1) if isinstance(low, str) else (float(low), float(high))
    assert table.y.tolist() == [counted[event] for event in events]
    assert [note for note in table.notes if "bought" in note] == (
        [told] if told else []
    )


def test_arms_that_differ_before_the_treatment_are_warned_of() -> None:
    table = frame()
    given = np.where(table["n0"].to_numpy() + 0.5 > 0, "a", "none")
    mixed = np.where(np.arange(1500) % 2 == 0, given, table["mail"].to_numpy())

    warned = asked(table.with_columns(mail=pl.Series(mixed))).warnings

    assert any("does not look randomised" in told and "n0" in told for told in warned)
    assert not any("n1" in told for told in warned)


def test_a_sample_ratio_that_is_off_is_warned_of_and_a_wanted_one_is_not() -> None:
    many = frame(rows=20_000)
    off = many.filter((pl.col("mail") == "a") | (pl.int_range(20_000) % 15 > 0))
    wanted = many.filter((pl.col("mail") == "a") | (pl.int_range(20_000) % 5 == 0))

    assert any("sample ratio" in told for told in asked(off).warnings)
    assert asked(wanted).warnings == ()
    assert asked(many).warnings == ()


def test_parquet_and_gzip_are_read_alike(tmp_path: Path) -> None:
    table = frame()
    table.write_parquet(tmp_path / "t.parquet")
    table.write_csv(tmp_path / "t.csv")

    one = asked(trial_tables.read(tmp_path / "t.parquet"))
    other = asked(trial_tables.read(tmp_path / "t.csv"))

    assert np.allclose(one.x, other.x)
    assert one.y.tolist() == other.y.tolist()
