"""Answers of the API and stored words are English; people read their own language."""

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import floatformat
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format, localize
from playwright.sync_api import Page
from rest_framework.test import APIClient

from promotions.models import Strategy
from tests.browsing import browse, sign_in
from tests.config.chinese import CHINESE, english_afterwards
from tests.conftest import Body, Make

__all__ = ["english_afterwards"]


def test_the_api_answers_in_english_whatever_a_client_prefers(
    api: APIClient, draft: Body
) -> None:
    refused = api.post(reverse("strategies"), {}, format="json", **CHINESE)
    made = api.post(reverse("strategies"), draft(), format="json", **CHINESE)

    assert "This field is required." in refused.content.decode()
    assert made.status_code == 201
    assert made.json()["words"][0] == "It gives: 10 % off."
    for answer in (refused, made):
        assert re.search("[\u4e00-\u9fff]", answer.content.decode()) is None
        assert "Accept-Language" not in answer.get("Vary", "")


def test_what_a_chinese_operator_makes_is_stored_in_english(
    client: Client, olga: User, proposed: Make
) -> None:
    strategy = proposed()
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_decide", args=["approve", strategy.pk])

    answer = client.post(page, {"comment": "可以"}, follow=True, **CHINESE)

    strategy.refresh_from_db()
    assert strategy.state == Strategy.State.LIVE
    assert "您的决定已记入日志。" in answer.content.decode()
    assert re.search("[\u4e00-\u9fff]", json.dumps(strategy.guards)) is None


def test_a_refusal_is_said_in_the_operator_s_language(
    client: Client, olga: User, proposed: Make
) -> None:
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_decide", args=["approve", proposed().pk])

    for more, expected in (({}, "Say why"), (CHINESE, "请用一两句话说明理由。")):
        answer = client.post(page, {"comment": ""}, follow=True, **more)
        assert expected in answer.content.decode()


def test_an_operator_switches_the_language(client: Client, olga: User) -> None:
    client.force_login(olga)
    shown = client.get("/admin/").content.decode()
    assert "简体中文" in shown

    client.post(reverse("set_language"), {"language": "zh-hans", "next": "/admin/"})

    assert '<html lang="zh-hans"' in client.get("/admin/").content.decode()
    client.post(reverse("set_language"), {"language": "en", "next": "/admin/"})
    assert '<html lang="en"' in client.get("/admin/", **CHINESE).content.decode()


def test_numbers_are_grouped_and_dates_written_as_everywhere() -> None:
    with translation.override("zh-hans"):
        assert intcomma(1234567) == "1,234,567"
        assert floatformat(Decimal("1234567.5"), "2g") == "1,234,567.50"
        assert date_format(date(2026, 6, 1)) == "2026-06-01"
        assert localize(Decimal("1234.50")) == "1234.50"


@pytest.mark.django_db(transaction=True)
def test_the_language_is_switched_by_keyboard(live_server: Any, olga: User) -> None:
    def journey(tab: Page) -> None:
        sign_in(tab, "olga")
        for _ in range(80):
            tab.keyboard.press("Tab")
            if tab.evaluate("document.activeElement.lang") == "zh-hans":
                break
        tab.keyboard.press("Enter")
        tab.wait_for_selector("html[lang=zh-hans]")
        tab.press("[aria-haspopup]", "Enter")
        tab.wait_for_selector("text=注销")

    browse(journey, base_url=live_server.url)
