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
        ({"budget_names": 5}, "budget_names: "),
        ({"budget_amounts": [[1], [1, 2]]}, "budget_amounts: "),
        ({"budget_amounts": None}, "budget_amounts: "),
        ({"budget_amounts": [1, 2], "budget_options": [[1], [1, 2]]}, "budget_names: "),
        ({"budget_options": [[1, 0], [1]]}, "budget_options: the rows"),
        ({"budget_options": [[2, 0.5]]}, "budget_options: 0 or 1"),
        ({"budget_options": [["0", "1"]]}, "budget_options: 0 or 1"),
        ({"value": [5.0, 6.0]}, "value: "),
        ({"most": 1.7}, "most: a whole number is wanted, not 1.7"),
        ({"most": float("nan")}, "most: a whole number is wanted, not nan"),
        ({"most": float("inf")}, "most: a whole number is wanted, not inf"),
        ({"most": 10**12}, "most: "),
        ({"given": [-5, -5, -5]}, "given: "),
        ({"strategy": 0}, "strategy: "),
        ({"campaign": [[0], [1]]}, "campaign: "),
        ({"most_of_campaign": 3}, "most_of_campaign: "),
        ({"sku": [-5, 0], "stock": [1]}, "sku: "),
        ({"group": [-7, 0, 0], "shares": [0.5]}, "group: "),
        ({"sku": [0, 0], "stock": [[1], [2]]}, "stock: "),
        ({"stock": 5}, "stock: "),
        ({"stock_names": 3}, "stock_names: "),
        ({"stock": [1, 2], "stock_names": ["mug"]}, "stock_names: "),
        ({"shares": [[0.5]], "group": [0, 0, 0]}, "shares: "),
        ({"share_names": {"a": 1}}, "share_names: "),
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


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", value=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("no archive")

    for name in ("bad.npz", "text.npz", "none.npz"):
        with pytest.raises(CommandError):
            said(tmp_path / name)


def test_a_file_that_holds_no_fields_is_refused_in_a_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "whole.npz", value=np.ones((2, 300)))
    whole = (tmp_path / "whole.npz").read_bytes()
    np.save(tmp_path / "array.npy", np.zeros(3))
    broken = {
        "empty.npz": b"",
        "array.npz": (tmp_path / "array.npy").read_bytes(),
        "cut.npz": whole[: len(whole) // 2],
        "flipped.npz": whole[:200] + bytes(200) + whole[400:],
        "deep.json": b"[" * 100_000,
        "deep_value.json": b'{"cost": 1, "value": ' + b"[" * 99 + b"]" * 99 + b"}",
        "bytes.json": b"\xff\xfe{",
    }

    for name, held in broken.items():
        (tmp_path / name).write_bytes(held)
        with pytest.raises(CommandError, match=r"^(file|value): ") as refusal:
            said(tmp_path / name)
        assert "\n" not in str(refusal.value), name


def test_counts_without_a_sign_are_subtracted_as_numbers(tmp_path: Path) -> None:
    """2 held where 1 is allowed leave 0, not 2⁶⁴ − 1."""
    held = np.array([2, 0], np.uint64)
    value, cost = np.ones((2, 2)), np.ones((2, 2))
    np.savez(tmp_path / "held.npz", value=value, cost=cost, given=held)

    assert said(tmp_path / "held.npz")["value"] == 1.0


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
