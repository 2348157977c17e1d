"""The house's plan, checked by machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.services import ROOT

ROOMS = ("config", "analytics", "catalog", "ml", "promotions", "demo")
LEARNERS = (
    "sklearn",
    "tensorflow",
    "keras",
    "implicit",
    "pandas",
    "polars",
    "joblib",
    "highspy",
)
LOCK = re.compile(r"^\w*LOCK = (\d+_\d+_\d+)$", re.M)
WEB = """
import sys, django
django.setup()
import config.urls
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def modules() -> list[Path]:
    return [
        path
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts and path.read_text().strip()
    ]


@pytest.mark.parametrize(
    "path", modules(), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    # Not by `ast`: its trees now and then are a SystemError in CPython 3.11.
    code = compile(path.read_text(), path, "exec")
    said = code.co_consts[0].strip() if "__doc__" in code.co_names else ""

    assert said
    assert said.splitlines()[0].endswith((".", "?", ":")), "one sentence"


def test_every_import_keeps_the_contracts() -> None:
    # A process of its own: beside TensorFlow its console loses pytest's streams.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_the_web_process_loads_no_learning_library() -> None:
    """Also those that are loaded at run time only, which no linter can see."""
    done = subprocess.run(
        [sys.executable, "-c", WEB],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        check=True,
    )

    loaded = set(done.stdout.split())
    assert {"django", "promotions", "ml"} <= loaded
    assert not loaded & set(LEARNERS)


def test_no_file_is_named_after_a_pattern() -> None:
    patterns = {"services", "utils", "helpers", "managers", "signals", "constants"}

    found = {path for path in modules() if path.stem in patterns}

    assert found == {ROOT / "config" / "services.py"}


def test_only_the_clock_asks_what_time_it_is() -> None:
    """ruff bans Django's and datetime's; SQL's and celery's it cannot see."""
    asking = re.compile(r"timezone\.now|datetime\.now|[^.\w]now\(\)|CURRENT_TIME|Now\(")
    product = [path for path in modules() if "bench" not in path.parts]

    found = {path for path in product if asking.search(path.read_text())}

    assert found == {ROOT / "analytics" / "clock.py"}


def test_no_two_modules_wait_for_each_other_by_the_same_advisory_lock() -> None:
    """An approval once waited for whatever import was running, archives for it too."""
    owners: dict[str, set[str]] = {}
    for path in modules():
        for key in LOCK.findall(path.read_text()):
            owners.setdefault(key, set()).add(str(path.relative_to(ROOT)))

    assert len(owners) > 10
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}
