"""The map of the modules names each of them, once."""

import re
from collections import Counter
from pathlib import Path

import promotions


def test_every_module_is_on_the_map() -> None:
    found = {path.stem for path in Path(promotions.__path__[0]).glob("[a-z]*.py")}

    named = Counter(re.findall(r"[a-z_]+", promotions.__doc__ or ""))

    assert {name for name in found if not named[name]} == set()
