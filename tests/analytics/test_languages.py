"""What is kept in English, in the language of who looks; decision 42."""

from collections.abc import Iterator

import pytest
from django.template import Context, Template
from django.utils import translation

from analytics.languages import actor, reread, written
from promotions.models import Campaign, Strategy

TITLE = "TEA: 10 % off to 20 % off"
GAIN = "Of the gain comes 76% from 83 who buy there, 9% from 30 who never bought there but may. "  # noqa: E501
SHELF = "The stock lasts 2 weeks at the usual pace. "
SHORT = "its goods run short: no new offers of it are made"


@pytest.fixture
def chinese() -> Iterator[None]:
    with translation.override("zh-hans"):
        yield


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("unknown", "未知"),
        ("1,200 customers would get an offer", "将有 1,200 位客户获得优惠"),
        ("Proposals of 2026-06-01 02:00", "2026-06-01 02:00 的提案"),
        (TITLE, "TEA：优惠 10 % 至 20 %"),
        ("Object missing required field `sku`", "缺少必填字段 `sku`"),
        ("Expected `str`, got `int`", "应为 `str`，收到的是 `int`"),
        (SHORT, "其商品即将断货：不再发放新优惠"),
        # Patterns whose values have no names, or a number's format.
        (
            "it certainly loses profit: 1.20 for each customer at best",
            "确定损失利润：每位客户最多为 1.20",
        ),
        (
            "84 % of its budget is spent in 20 % of the time",
            "时间过了 20 %，预算已用 84 %",
        ),
        # Sentences, and a sentence of parts.
        (SHELF + SHELF.strip(), "按平常的速度，库存可维持 2 周。" * 2),
        (
            GAIN + SHELF,
            "收益中，76% 来自 83 位经常购买该品类的客户、9% 来自 30 位从未买过该品类、"
            "但有可能购买的客户。按平常的速度，库存可维持 2 周。",
        ),
        ("stopped: timeout", "已停止：timeout"),
    ],
)
def test_what_was_kept_in_english_is_said_in_the_page_s_language(
    kept: str, said: str
) -> None:
    with translation.override("zh-hans"):
        assert reread(kept) == said
    with translation.override("en"):
        assert reread(kept) == kept


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "Delivery is late.",
        "At most 10 %, please: the supplier's contract.",
        "a: b",
        # One part of it is known, the other is not.
        f"{SHORT}; ask Ana",
        # It can be read in two ways.
        "Expected `a`, got `b`, got `c`",
        "TEA: 10 % off to 20 % off to 30 % off",
    ],
)
def test_what_is_no_message_or_could_be_two_stays_as_it_is(text: str) -> None:
    assert reread(text) == text


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("text", ["Orders", "Approved", TITLE, SHORT, "unknown"])
def test_people_s_words_stay_though_they_look_like_messages(text: str) -> None:
    assert written(text, by="olga") == text
    assert Campaign(name=text).called == text
    assert Strategy(title=text, forecast={}).called == text


@pytest.mark.usefixtures("chinese")
def test_a_title_by_hand_stays_though_it_was_priced_like_the_platform_s() -> None:
    known = {"reach": 9}

    assert Strategy(title="Orders", scope=["TEA"], forecast=known).called == "Orders"
    assert Strategy(title=TITLE, scope=["TEA"], forecast=known).called != TITLE
    assert Campaign(name="Proposals of June").called == "Proposals of June"
    assert Campaign(name="Proposals of 2026-06-01 02:00").called.startswith("2026")


@pytest.mark.usefixtures("chinese")
def test_the_platform_s_comments_are_read_by_who_wrote_them() -> None:
    assert written(SHORT, by="platform") != SHORT
    assert actor("standing rule of olga") == "olga 的常设规则"
    assert actor("platform") == "平台"
    assert actor("olga") == "olga"
    assert actor("Orders") == "Orders"


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("name", ["reread", "reread_plain", "said", "actor"])
def test_values_of_a_message_are_escaped_in_a_page(name: str) -> None:
    page = Template("{% load wordings %}{{ text|" + name + " }}")
    text = "Object missing required field `<script>alert(1)</script>`"

    told = page.render(Context({"text": text}))

    assert "<script" not in told
    assert "&lt;script&gt;" in told


@pytest.mark.usefixtures("chinese")
def test_what_stays_english_is_marked_for_who_reads_aloud() -> None:
    page = Template("{% load wordings %}{{ text|reread }}")

    assert page.render(Context({"text": "Late <b>"})) == (
        '<span lang="en">Late &lt;b&gt;</span>'
    )
    assert "lang" not in page.render(Context({"text": "unknown"}))
