"""Dead letters, replays, alerts, and what operators see and may do."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import access, alerts, identity, ingestion, projections, tasks, wires
from analytics.models import Checkpoint, Customer, Erasure, Rejection, StoredEvent
from tests.analytics.conftest import sent


def ingest(*raws: dict[str, Any], source: str = "shop") -> None:
    texts = [json.dumps(raw).encode() for raw in raws]
    ingestion.ingest(texts, source=source, at=timezone.now())


def codes() -> list[str]:
    return [alert.code for alert in alerts.current(timezone.now())]


@pytest.fixture
def olgas(olga: User, client: Client) -> Client:
    client.force_login(olga)
    return client


@pytest.mark.django_db
def test_all_is_well_is_no_alert() -> None:
    ingest(*(sent() for _ in range(30)))
    tasks.catch_up()

    assert codes() == []


@pytest.mark.django_db
def test_a_source_that_sends_much_rubbish_is_an_alert() -> None:
    ingest(*(sent() for _ in range(300)), *(sent(type="x") for _ in range(12)))
    ingest(
        *(sent() for _ in range(3)), *(sent(type="x") for _ in range(12)), source="b"
    )
    ingest(*(sent(type="x") for _ in range(3)), source="few")
    tasks.catch_up()

    [alert] = alerts.current(timezone.now())

    assert (alert.code, alert.text) == (
        "many_rejections",
        "b: 12 of 15 events were refused",
    )


@pytest.mark.django_db
def test_a_stopped_projection_and_a_late_one_are_alerts() -> None:
    ingest(sent())
    tasks.catch_up()
    Checkpoint.objects.filter(projection="days").update(error="poisoned")
    ingest(sent())
    old = timezone.now() - timedelta(minutes=5)
    Checkpoint.objects.filter(projection="customers").update(moved_at=old)

    # What came a moment ago, after a quiet time, is not late yet.
    assert codes() == ["projection_stopped"]
    later = timezone.now() + alerts.LATE + timedelta(seconds=1)
    late = [(one.code, one.about) for one in alerts.current(later)]
    assert ("projection_late", "customers") in late


@pytest.mark.django_db
def test_a_wrong_key_is_an_alert() -> None:
    access.note_wrong("pk_of_another_shop")

    [alert] = alerts.current(timezone.now())

    assert alert.code == "wrong_key"
    assert "pk_of_a…" in alert.text
    assert "another" not in alert.text


@pytest.mark.django_db
def test_guessing_keys_cannot_fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST_WRONG", 5)
    for number in range(20):
        access.note_wrong(f"guess-{number}")

    from analytics.models import WrongKey

    assert WrongKey.objects.count() == 5


@pytest.mark.django_db
def test_alerts_are_logged_once_until_they_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    access.note_wrong("pk_of_another_shop")

    tasks.alert()
    tasks.alert()

    assert sum("wrong_key" in record.message for record in caplog.records) == 1


@pytest.mark.django_db
def test_the_first_page_shows_what_needs_attention(olgas: Client) -> None:
    assert b"Needs your attention" not in olgas.get(reverse("admin:index")).content
    access.note_wrong("pk_of_another_shop")

    page = olgas.get(reverse("admin:index")).content.decode()

    assert "Needs your attention" in page
    assert reverse("admin:analytics_wrongkey_changelist") in page


@pytest.mark.django_db
def test_a_dead_letter_comes_in_after_a_fix(
    olgas: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = {"type": "dance", "userId": "ana", "event": "x", "messageId": "m"}
    raw = json.dumps(message).encode()
    read = wires.reader("batch")
    ingestion.ingest([raw], source="s", at=timezone.now(), read=read, call="batch")
    ingest(sent(type="party", id="n"))
    row = Rejection.objects.get(call="batch")
    url = reverse("admin:analytics_rejection_change", args=[row.pk])
    assert "dance" in olgas.get(url).content.decode()

    def replay() -> Any:
        listed = reverse("admin:analytics_rejection_changelist")
        ids = list(Rejection.objects.values_list("id", flat=True))
        data = {"action": "replay", "_selected_action": ids}
        return olgas.post(listed, data, follow=True).content.decode()

    assert "0 accepted, 2 refused again." in replay()
    assert set(Rejection.objects.values_list("replays", "resolved_at")) == {(1, None)}

    from analytics import segment

    monkeypatch.setattr(segment, "CALLS", segment.CALLS | {"dance"})
    monkeypatch.setattr(
        segment.Reader, "_event", lambda *_: segment._page("page", _[2])
    )
    assert "1 accepted, 1 refused again." in replay()
    assert "1 accepted, 1 refused again." in replay()
    row.refresh_from_db()
    assert row.resolved_at is not None
    assert StoredEvent.objects.get().type == "page_viewed"


@pytest.mark.django_db
def test_a_customers_page_shows_ids_and_undoes_a_link(olgas: Client) -> None:
    both = {"customer": "ana", "anonymous": "v-1"}
    ingest(sent(type="customer_identified", data={}, **both))
    visitor = Customer.objects.get(anonymous_id="v-1")
    ana = Customer.objects.get(external_id="ana")
    page = reverse("admin:analytics_customer_change", args=[ana.key])
    html = olgas.get(page).content.decode()
    assert "visitor v-1" in html
    # A browser drops a form inside of a form, and with it where its buttons lead.
    assert html.index("/unlink/") < html.index('id="customer_form"')
    assert html.index('id="erase-name"') < html.index('id="customer_form"')

    url = reverse("admin:analytics_customer_unlink", args=[visitor.key])
    assert olgas.get(url).status_code == 302
    assert identity.find("v-1") == ana.key
    olgas.post(url)

    assert identity.find("v-1") == visitor.key
    assert StoredEvent.objects.get(type="identity_unlinked").data["by"] == "olga"


@pytest.mark.django_db
def test_an_operator_exports_and_erases_a_customer(olgas: Client) -> None:
    ingest(sent(customer="ana"))
    ana = Customer.objects.get(external_id="ana")

    held = olgas.get(reverse("admin:analytics_customer_export", args=[ana.key]))
    assert held.json()["ids"][0]["customer"] == "ana"
    erase = reverse("admin:analytics_customer_erase", args=[ana.key])
    olgas.post(erase, {"name": "an"})
    assert Customer.objects.filter(external_id="ana").exists()
    olgas.post(erase, {"name": "ana"})

    assert not Customer.objects.exists()
    assert Erasure.objects.get().by == "olga"


@pytest.mark.django_db
def test_who_may_only_look_can_do_nothing(client: Client) -> None:
    from django.contrib.auth.models import Permission

    vera = User.objects.create_user("vera", password="x", is_staff=True)
    vera.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client.force_login(vera)
    ingest(sent(customer="ana"))
    ana = Customer.objects.get(external_id="ana")

    page = client.get(reverse("admin:analytics_customer_change", args=[ana.key]))
    assert b"Erase" not in page.content
    for name in ("erase", "unlink", "export"):
        url = reverse(f"admin:analytics_customer_{name}", args=[ana.key])
        assert client.post(url, {"name": "ana"}).status_code == 302
    assert Customer.objects.filter(external_id="ana").exists()


@pytest.mark.django_db
def test_every_page_of_the_log_opens(olgas: Client) -> None:
    ingest(sent(), sent(type="x"))
    access.note_wrong("x")
    tasks.catch_up()
    assert projections.lag()
    names = "storedevent customer profile checkpoint rejection wrongkey archive erasure"
    for name in [*names.split(), "apikey"]:
        url = reverse(f"admin:analytics_{name}_changelist")
        assert olgas.get(url).status_code == 200, name
        assert olgas.get(url, {"q": "ana"}).status_code == 200, name
