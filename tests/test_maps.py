"""The map of each app's modules names each of them."""

import re
from importlib import import_module
from pathlib import Path

import pytest


@pytest.mark.parametrize("app", ["analytics", "catalog", "ml", "promotions"])
def test_every_module_is_on_the_map_of_its_app(app: str) -> None:
    room = import_module(app)
    found = {path.stem for path in Path(room.__path__[0]).glob("[a-z]*.py")}

    named = set(re.findall(r"[a-z_]+", room.__doc__ or ""))

    assert found - named == set()
