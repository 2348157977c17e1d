"""No order enters incomplete, whatever is wrong with its file."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from django.db import connection

from analytics import projections, sheets
from analytics.models import StoredEvent
from tests.analytics.imported import MAPS, contents, do, file, folder, refused, subset
from tests.folding import projected

__all__ = ["folder"]


HEADER = "customer,note,order,date,sku,paid\n"
GOOD = {n: f"c{n},n,A{n},2026-01-0{n},tea,1.00\n" for n in range(1, 9)}


@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize(
    ("stray", "held"),
    [
        # One cell too many names its order, wherever the cell too many stands.
        ("c6,n,A6,2026-01-06,tea,1,00\n", {6}),
        ("Doe, Jo,n,A6,2026-01-06,tea,1.00\n", {6}),
        ("c9,n,A9,2026-01-06,tea,1,00\n", set()),
        # What names no order holds its neighbours.
        ("c6,n,,2026-01-06,tea,1.00\n", {3, 4}),
        ("c6,,,,,1,00\n", {3, 4}),
        ("c6,n,n,,2026-01-06,tea,1.00\n", {3, 4}),
        ("c6\n", {3, 4}),
        ("c6,n,A6,2026-01-06\n", {3, 4, 6}),
        ("c6,n,A6,2026-01-06,tea,1,2,3,4,5,6,7,8,9,10\n", {3, 4, 6}),
        # A quote that is not closed swallows rows, the width right or wrong.
        (
            'c6,"n,A6,2026-01-06,tea,1.00\n' + GOOD[7] + 'c8,n",A8,,t,1\n',
            {3, 4, 6, 7, 8},
        ),
        ('c6,"n,A6,2026-01-06,tea,1.00\nc8,n",A8,2026-01-08,t,1\n', {3, 4, 6, 8}),
        ('c6,n,A6,2026-01-06,"te\na",1.00\n', {3, 4, 6}),
    ],
)
def test_a_row_whose_order_is_unreadable_lets_no_order_in_incomplete(
    db: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stray: str,
    held: set[int],
    batch: int,
) -> None:
    monkeypatch.setattr(sheets, "BATCH", batch)
    rows = "".join(GOOD[n] for n in (1, 6, 2, 3)) + stray
    path = file(tmp_path, HEADER + rows + "".join(GOOD[n] for n in (4, 5, 7, 8)))

    told, status = do(path, "--currency", "EUR")

    assert status == 3, told
    taken = {e.data["order_id"] for e in StoredEvent.objects.all()}
    assert taken == {f"A{n}" for n in range(1, 9) if n not in held}
    reasons = {value: reason for row, _, reason, value in refused(path) if row != "6"}
    assert {f"A{n}" for n in held} == set(reasons)
    assert {"row 6, whose order cannot be read, may belong to this one"} >= set(
        reasons.values()
    )
    assert (f"{len(held)} orders held back" in told) == bool(held)


def test_strays_at_both_ends_hold_the_nearest_orders(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "BATCH", 2)
    stray = "c\n" * 5
    rows = stray + "".join(GOOD[n] for n in (1, 2, 3)) + stray
    path = file(tmp_path, HEADER + rows)

    do(path, "--currency", "EUR")

    assert StoredEvent.objects.get().data["order_id"] == "A2"


def test_a_comment_of_several_lines_is_no_fault(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, HEADER + GOOD[1].replace(",n,", ',"ring,\ntwice",'))

    told, status = do(path, "--currency", "EUR")

    assert status == 0, told
    assert StoredEvent.objects.get().data["order_id"] == "A1"


def test_a_quote_that_swallows_a_megabyte_stops_all(db: None, tmp_path: Path) -> None:
    rows = 'c6,"n,A6,2026-01-06,tea,1.00\n' + GOOD[7] * 50_000
    path = file(tmp_path, HEADER + GOOD[1] + rows)

    told, status = do(path, "--currency", "EUR")

    assert status == 1
    assert "row 3" in told
    assert "is a quote not closed?" in told
    assert not StoredEvent.objects.exists()


ORDER = 2


def damaged(row: str, how: int, rng: random.Random) -> str:
    row_cells = row.split(",")
    place = rng.randrange(len(row_cells))
    match how:
        case 0:
            row_cells.insert(place, "00")
        case 1:
            row_cells.pop(place)
        case 2:
            row_cells = row_cells[: max(place, 1)]
        case 3:
            row_cells[ORDER] = ""
        case _:
            row_cells[place] = f'"{row_cells[place]}'
    return ",".join(row_cells)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_a_damaged_file_every_order_that_enters_is_whole(
    db: None, tmp_path: Path, seed: int
) -> None:
    path = subset(tmp_path, (1, 7, 900))
    do(path, *MAPS)
    truth = contents()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE analytics_storedevent")
    header, *rows = path.read_text().splitlines()
    assert header.split(",")[ORDER] == "basket_id"
    rng = random.Random(seed)
    for place in rng.sample(range(len(rows)), 20):
        rows[place] = damaged(rows[place], rng.randrange(5), rng)
    path.write_text("\n".join([header, *rows]) + "\n")

    told, status = do(path, *MAPS)

    assert status == 3, told
    entered = contents()
    assert 10 < len(entered) < len(truth)
    assert entered == {id_: truth[id_] for id_ in entered}


def test_a_killed_import_goes_on_to_the_same_log(
    transactional_db: None, tmp_path: Path
) -> None:
    path = subset(tmp_path, tuple(range(1, 120)))
    command = [sys.executable, "-c", KILLED, str(path), *MAPS]
    name = str(connection.settings_dict["NAME"])
    child = subprocess.Popen(command, env=os.environ | {"TEST_NAME": name})
    while not StoredEvent.objects.exists() and child.poll() is None:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    some = StoredEvent.objects.count()

    told, status = do(path, *MAPS)

    assert status == 0, told
    assert 0 < some < StoredEvent.objects.count()
    assert f"{some:,} in the log already" in told
    catch_up()
    killed = contents(), projected(but="position")
    tables = [t._meta.db_table for p in projections.ALL.values() for t in p.tables]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(['analytics_storedevent', *tables])}")
    assert do(path, *MAPS)[1] == 0
    catch_up()
    assert len(killed[0]) == pl.read_csv(path)["basket_id"].n_unique()
    assert killed == (contents(), projected(but="position"))


def catch_up() -> None:
    while projections.catch_up():
        pass


KILLED = """
import os, sys, django
from django.conf import settings
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
settings.DATABASES["default"]["NAME"] = os.environ["TEST_NAME"]
django.setup()
from django.core.management import call_command
from analytics import imports
imports.BATCH = 200
call_command("import_history", *sys.argv[1:])
"""
