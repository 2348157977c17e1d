import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from config.services import ROOT
from demo.bench import small_markets
from promotions import instance_files
from promotions.instances import Invalid

SMALL = {
    "value": [[3.0, 2.0, None], [1.0, 4.0, 2.0]],
    "cost": [[200, 100, 100], [100, 300, 100]],
    "budget_names": ["all"],
    "budget_amounts": [400],
}


def written(path: Path, **change: Any) -> Path:
    path.write_text(json.dumps(SMALL | change))
    return path


def said(*given: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("allocate", *map(str, given), "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the file that docs/allocation.md says how to write."""
    page = (ROOT / "docs" / "allocation.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.S)
    assert found
    monkeypatch.chdir(tmp_path)
    exec(found[1], {})
    return tmp_path / "shop.npz"


def test_the_documents_example_is_solved_and_its_plan_checks(example: Path) -> None:
    plan = example.with_name("plan.npz")

    made = said(example, "--out", plan)
    checked = said(example, "--check", plan)

    assert made["feasible"]
    assert made["gap"] <= 1e-4
    assert made["prices"]["budget campaign"] > 0
    same = ("feasible", "value", "bound", "proof")
    assert [checked[name] for name in same] == [made[name] for name in same]


def test_the_certificate_is_a_table_for_people(example: Path) -> None:
    out = io.StringIO()

    call_command("allocate", str(example), stdout=out)

    for word in ("feasible", "True", "gap", "bound", "price of budget campaign"):
        assert word in out.getvalue()


def test_a_plan_that_was_changed_is_found_out(example: Path) -> None:
    plan = example.with_name("plan.npz")
    said(example, "--out", plan)
    fields = dict(np.load(plan))
    everybody = np.argwhere(np.ones((1, 20_000)))
    np.savez(plan, **(fields | {"pairs": everybody}))

    with pytest.raises(CommandError, match=r"budget campaign: .* over"):
        said(example, "--check", plan)

    np.savez(plan, **(fields | {"pairs": fields["pairs"][:100]}))
    with pytest.raises(CommandError, match="the prices prove a gap of"):
        said(example, "--check", plan)


def test_a_small_one_may_be_json(tmp_path: Path) -> None:
    made = said(written(tmp_path / "small.json"))

    assert made["value"] == 7.0  # by hand
    assert made["bound"] == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"cost": [[1.0]]}, "cost: "),
        ({"value": [[1.0], [1.0, 2.0]]}, "value: the rows"),
        ({"value": "much"}, "value: "),
        ({"most": -1}, "most: "),
        ({"sku": [0.5, 0]}, "sku: float64"),
        ({"budget_options": [[1]]}, "budget_options: "),
        ({"budget_names": ["a", "b"]}, "budget_names: "),
        ({"color": 1}, "color: is no field"),
        ({"shares": [0.5]}, "group: "),
        ({"group": [0, 0, 0], "shares": [1.0], "budget_amounts": [100]}, "share 0: "),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, change: dict[str, Any], names: str
) -> None:
    with pytest.raises(CommandError, match=names):
        said(written(tmp_path / "small.json", **change))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"given": [-5, 0, 0]}, "given"),
        ({"most": 1.7}, "most"),
        ({"most": float("nan")}, "most"),
        ({"most": float("inf")}, "most"),
        ({"budget_names": 5}, "budget_names"),
        ({"budget_amounts": [400, [1]]}, "budget_amounts"),
        ({"budget_options": [[1, 1], [1]]}, "budget_options"),
        ({"strategy": 0}, "strategy"),
        ({"most_of_campaign": 3}, "most_of_campaign"),
        ({"sku": [-5, 0], "stock": [3.0]}, "sku"),
        ({"group": [-7, 0, 0], "shares": [0.5]}, "group"),
        ({"sku": [0, 0], "stock": [[3.0]]}, "stock"),
        ({"sku": [0, 0], "stock": [3.0], "stock_names": 3}, "stock_names"),
    ],
)
def test_numbers_that_make_no_sense_are_named(
    tmp_path: Path, change: dict[str, Any], names: str
) -> None:
    with pytest.raises(CommandError, match=names):
        said(written(tmp_path / "shop.json", **change))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    empty, array = tmp_path / "empty.npz", tmp_path / "array.npz"
    empty.write_bytes(b"")
    with array.open("wb") as file:
        np.save(file, np.zeros(3))
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)

    for path in (empty, array, deep):
        with pytest.raises(CommandError, match="file"):
            said(path)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", value=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("no archive")

    for name in ("bad.npz", "text.npz", "none.npz"):
        with pytest.raises(CommandError):
            said(tmp_path / name)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_again(tmp_path: Path, seed: int) -> None:
    asked = small_markets.instance(seed)
    path = tmp_path / "one.npz"

    instance_files.save(path, asked)
    again = instance_files.load(path)

    assert again.names == asked.names
    assert again.budgets == asked.budgets
    assert again.shares == asked.shares
    for name in (*instance_files.ARRAYS, *instance_files.NUMBERS):
        was, now = getattr(asked, name), getattr(again, name)
        assert (was is None) == (now is None), name
        if was is not None:
            np.testing.assert_array_equal(was, now)


def test_a_plan_of_another_instance_is_refused(tmp_path: Path, example: Path) -> None:
    plan = tmp_path / "plan.npz"
    said(example, "--out", plan)

    with pytest.raises(CommandError, match="pairs: beyond"):
        said(written(tmp_path / "small.json"), "--check", plan)
    with pytest.raises(Invalid):
        instance_files.load(plan)
