import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions import code_files, giving
from promotions.code_files import Fault
from promotions.giving import Given
from promotions.models import Code, Strategy

FILE = """code,customer,most_uses,expires_at
WELCOME,,unlimited,
FORANA,ana,2,2027-01-01T00:00:00+01:00
ABC,,,
WRONG1,,zero,
WRONG2,,,tomorrow
WRONG3,too,many,,cells

welcome,,unlimited,
welcome,,5,
"""


def take(strategy: Strategy, text: str, **how: Any) -> tuple[Any, list[Fault]]:
    faults: list[Fault] = []
    report = code_files.take(
        io.StringIO(text, newline=""), strategy, refused=faults.append, **how
    )
    return report, faults


def test_good_rows_are_taken_and_bad_ones_told_by_row_and_column(
    by_code: Strategy,
) -> None:
    report, faults = take(by_code, FILE)

    assert vars(report) == {"rows": 8, "made": 2, "known": 1, "refused": 5}
    assert sorted((one.row, one.column) for one in faults) == [
        (4, "code"),
        (5, "most_uses"),
        (6, "expires_at"),
        (7, ""),
        (10, "code"),
    ]
    rows = {one.text: one for one in Code.objects.all()}
    assert rows["WELCOME"].most_uses is None
    assert rows["FORANA"].customer == Customer.objects.get(external_id="ana").key


def test_a_dry_run_says_the_same_and_writes_nothing(
    by_code: Strategy,
) -> None:
    dry = take(by_code, FILE, dry_run=True)
    assert not Code.objects.exists()
    assert not Customer.objects.exists()

    assert dry == take(by_code, FILE)


def test_a_second_import_makes_nothing_twice(by_code: Strategy) -> None:
    take(by_code, FILE)

    report, _ = take(by_code, FILE)

    assert (report.made, report.known, Code.objects.count()) == (0, 3, 2)


@pytest.mark.parametrize(
    "text", ["", "code,colour\nA,b\n", "customer\nana\n", "code,code\n"]
)
def test_a_file_without_the_columns_is_refused(
    by_code: Strategy,
    text: str,
) -> None:
    with pytest.raises(code_files.BadHeader):
        take(by_code, text)


def test_what_is_exported_can_be_imported_and_no_cell_is_a_formula(
    by_code: Strategy,
) -> None:
    texts = ["=1+1+1", "@SUM1", "-TEA-9", "PLAIN", 'QUO"TE,1']
    giving.give(by_code, [Given(text=one, most_uses=None) for one in texts])

    out = b"".join(code_files.export(strategy=by_code.pk)).decode()

    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["code"] for row in rows} == {"'=1+1+1", "'@SUM1", "'-TEA-9", *texts[3:]}
    for row in rows:
        assert row["code"][0] not in "=+-@"
    kept = [[row[name] for name in code_files.COLUMNS] for row in rows]
    again = io.StringIO()
    csv.writer(again).writerows([code_files.COLUMNS, *kept])
    report, faults = take(by_code, again.getvalue())
    assert (report.known, faults) == (5, [])


def test_codes_go_in_and_out_through_the_api(
    api: APIClient,
    by_code: Strategy,
) -> None:
    page = f"/api/v1/strategies/{by_code.id}/codes.csv"

    dry = api.post(f"{page}?dry_run=true", FILE, content_type="text/csv")
    done = api.post(page, FILE, content_type="text/csv")

    assert dry.json() == done.json()
    assert (done.json()["made"], len(done.json()["faults"])) == (2, 5)
    answer = api.get(page)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    out = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert out.splitlines()[0] == "code,customer,most_uses,expires_at,uses,active"
    assert "FORANA,ana,2,2026-12-31T23:00:00.000000Z,0,t" in out


def test_the_commands_import_and_export(
    by_code: Strategy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "old.csv"
    file.write_bytes(b"\xef\xbb\xbfcode\nOLD-1\nBAD-\xff\n")

    call_command("import_codes", str(by_code.pk), str(file))
    call_command("export_codes", str(by_code.pk), str(tmp_path / "out.csv"))

    assert "2 rows: 1 made, 0 known, 1 refused" in capsys.readouterr().out
    assert "cannot be read" in (tmp_path / "old.errors.csv").read_text()
    assert "OLD-1" in (tmp_path / "out.csv").read_text()
    with pytest.raises(CommandError):
        call_command("import_codes", "00000000-0000-0000-0000-000000000000", str(file))
