import copy
import json
import pickle

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from analytics.languages import said
from analytics.wording import AND, Wording, joined, kept, revived

USES = Wording("%(number)s uses", number=3)
NESTED = Wording(
    "Each customer can have %(what)s%(period)s at most.",
    what=USES,
    period=Wording(" a day"),
)


def test_a_wording_is_its_english_text() -> None:
    assert NESTED == "Each customer can have 3 uses a day at most."
    assert json.dumps([USES]) == '["3 uses"]'
    assert type(str(USES)) is str


def test_without_values_a_percent_sign_is_itself() -> None:
    assert Wording("the odds of 0.2 %") == "the odds of 0.2 %"


@pytest.mark.parametrize(
    "again",
    [
        lambda text: pickle.loads(pickle.dumps(text)),
        copy.deepcopy,
        lambda text: revived(json.loads(json.dumps(kept(text)))),
    ],
)
def test_it_can_be_said_after_the_cache_a_copy_and_a_column(again: object) -> None:
    found = again(NESTED)  # type: ignore[operator]

    assert found == NESTED
    with translation.override("zh-hans"):
        assert said(found) == "每位客户每天最多 3 次。"


def test_data_is_not_translated_though_a_message_says_the_same() -> None:
    text = Wording("Of the group “%(group)s”, %(mode)s.", group="Orders", mode="best")

    with translation.override("zh-hans"):
        assert said(text) == "在“Orders”组中，best。"
        assert said("Orders") == "Orders"


@given(st.lists(st.text(), min_size=1))
def test_joining_keeps_every_part_in_its_place(parts: list[str]) -> None:
    assert joined(AND, parts) == " and ".join(parts)


@given(st.text(), st.text())
def test_what_was_kept_comes_back(name: str, value: str) -> None:
    text = Wording("“%(title)s” says %(mode)s", title=name, mode=value)

    assert revived(kept(text)) == text
    assert revived(kept(name)) == name
