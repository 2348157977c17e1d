import json
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from config.services import ROOT
from ml.uplift_report import BUDGETS, RANDOM
from ml.uplift_selection import LEARNERS, NOBODY
from tests.ml.trials import frame, slip


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trial") / "trial.csv"
    frame("arms", rows=1500).write_csv(path)
    return path


def run(path: Path, *more: str) -> str:
    out = StringIO()
    wanted = ["--treatment", "mail", "--outcome", "bought", *more]
    call_command("uplift", str(path), *wanted, stdout=out)
    return out.getvalue()


def test_the_command_prints_learners_policies_and_the_choice(file: Path) -> None:
    printed = run(file)

    for name in LEARNERS:
        assert name in printed
    assert "→" in printed
    assert "Choice: " in printed
    assert RANDOM in printed
    assert "control is mail = none" in printed


def test_its_json_has_the_keys_that_the_page_tells_of(file: Path) -> None:
    told = json.loads(run(file, "--json", "--budget", "0.15", "--seed", "3"))

    page = (ROOT / "docs" / "uplift.md").read_text()
    for key in keys(told):
        assert f"`{key}`" in page, key
    assert {one["learner"] for one in told["learners"]} <= LEARNERS.keys()
    assert {one["budget"] for one in told["policy"]} == {0.15, *BUDGETS}
    assert told["choice"]["varies"] is (told["choice"]["learner"] != NOBODY)
    assert told["test_rows"] == 450


def keys(told: Any) -> set[str]:
    if isinstance(told, list):
        return set().union(*(keys(one) for one in told))
    if isinstance(told, dict):
        return set(told).union(*(keys(one) for one in told.values()))
    return set()


def test_a_slip_is_told_and_the_other_arms_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "slip.csv"
    fifty = pl.col("bought") * 50
    slipped = slip(1, "aa", where="a").alias("mail")
    frame().with_columns(slipped, bought=fifty).write_csv(path)

    told = json.loads(run(path, "--json"))

    assert [one["arm"] for one in told["arms"]] == ["a"]
    assert any("left out: aa (rows: 1)" in note for note in told["notes"])
    assert any("0 or 50" in note for note in told["notes"])
    assert told["control_mean"] > 1
    assert sum(one["refusal"] != "" for one in told["contest"]) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--control", "zero"], "never 'zero'"),
        (["--exclude", "n0,gone"], "no column gone"),
        (["--test", "1.5"], "--test"),
        (["--budget", "0"], "--budget"),
    ],
)
def test_its_refusals_are_in_words(file: Path, more: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(file, *more)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no file"):
        run(tmp_path / "none.csv")
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(CommandError, match="no table"):
        run(tmp_path / "bad.parquet")
