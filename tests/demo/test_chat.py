"""The chat box of the demo shop: in a corner, by keyboard, and without scripts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from analytics import access
from analytics.models import ApiKey
from demo import loading
from promotions import conversations
from promotions.models import HandOver, Question
from tests import serving
from tests.browsing import NAMELESS, TOO_WIDE, browse

PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[str]:
    with serving.granian() as url:
        yield f"{url}/shop/"


@pytest.fixture
def shop(client: Client, shelf: None) -> Client:
    loading.load_help(at=timezone.now())
    return client


def ask(client: Client, text: str) -> dict[str, object]:
    headers = {"Accept": "application/json"}
    answer = client.post(reverse("shop_chat"), {"text": text}, headers=headers)
    assert answer.status_code == 200
    return dict(answer.json())


def test_a_guest_is_answered_and_goes_on(shop: Client) -> None:
    ask(shop, "how do I send something back?")
    told = ask(shop, "<b>hello</b>")["questions"]

    assert isinstance(told, list)
    assert "30 days" in told[0]["answer"]
    page = shop.get(reverse("shop_chat")).content.decode()
    assert "&lt;b&gt;hello&lt;/b&gt;" in page
    assert "<b>hello" not in page


def test_another_visit_is_another_conversation(shop: Client) -> None:
    ask(shop, "get me a human")
    shop.post(reverse("shop_switch"), {"shopper": "newcomer"})
    assert ask(shop, "")["questions"] == []


def test_a_colleague_s_answer_comes_into_the_page(shop: Client) -> None:
    told = ask(shop, "get me a human")["questions"]
    assert isinstance(told, list)
    conversations.reply_by_person(
        UUID(told[0]["id"]), "I am here.", by="sue", at=timezone.now()
    )
    assert "I am here." in shop.get(reverse("shop_chat")).content.decode()


def test_a_revoked_key_is_said(shop: Client) -> None:
    ask(shop, "hello")
    for key in ApiKey.objects.filter(name__contains="chat"):
        access.revoke_key(key.pk)
    assert "not there" in str(ask(shop, "hello")["fault"])


def sue_answers() -> None:
    row = HandOver.objects.get()
    conversations.reply_by_person(row.pk, "This is Sue.", by="sue", at=timezone.now())
    connection.close()


def test_the_box_works_by_keyboard_on_a_phone(
    web: str, transactional_db: None, shelf: None
) -> None:
    """A colleague answers while the box is open, and it is read out politely."""
    loading.load_help(at=timezone.now())

    def journey(tab: Page) -> object:
        refused: list[str] = []
        tab.on("console", lambda said: refused.append(said.text))
        tab.goto(f"{web}cart")
        tab.focus("#chat summary")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#question:focus")
        tab.keyboard.type("how do I return something")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#said li:has-text('30 days')", timeout=20_000)
        assert tab.evaluate(TOO_WIDE) <= 0
        assert tab.evaluate(NAMELESS) == []
        tab.keyboard.type("a real person please")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#said li:nth-child(4)")
        with ThreadPoolExecutor(1) as pool:  # the browser's loop may not wait
            pool.submit(sue_answers).result()
        tab.wait_for_selector("#said li:has-text('This is Sue.')", timeout=15_000)
        live = tab.get_attribute("#said", "aria-live")
        tab.keyboard.press("Escape")
        return (
            live,
            tab.evaluate("document.getElementById('chat').open"),
            [one for one in refused if "policy" in one.lower()],
        )

    assert browse(journey, **PHONE) == ("polite", False, [])
    assert Question.objects.count() == 2


def test_a_fault_leaves_the_question_in_the_box(
    web: str, transactional_db: None, shelf: None
) -> None:
    said = '{"questions": [], "fault": "Too many."}'

    def journey(tab: Page) -> object:
        tab.goto(f"{web}chat")
        tab.route("**/shop/chat", lambda route: route.fulfill(body=said))
        tab.fill("#question", "where is my tea")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#chat-fault:has-text('Too many')")
        return tab.input_value("#question")

    assert browse(journey) == "where is my tea"
