"""What other libraries found: fixtures/oracles.py says how the files were made."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics.moments import Moments

NAMES = ("y", "x", "d")


@cache
def oracle(name: str) -> dict[str, Any]:
    path = Path(__file__).parent / "fixtures" / f"{name}.json"
    return dict(json.loads(path.read_text()))


def cases(name: str, section: str) -> pytest.MarkDecorator:
    found = oracle(name)[section]
    return pytest.mark.parametrize("case", found, ids=range(len(found)))


def moments(gram: list[list[float]]) -> Moments:
    return Moments(NAMES, np.array(gram, dtype=np.float64))


def near(expected: float) -> Any:
    """Within 1e-9 of the oracle, of large numbers relatively."""
    return pytest.approx(expected, abs=1e-9, rel=1e-9)
