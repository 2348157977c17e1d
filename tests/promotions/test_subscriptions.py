"""Calendar programs read what runs when, by an address that opens nothing else."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from analytics import access
from analytics.models import ApiKey, WrongKey
from config.logs import CUSTOMER
from promotions import approval, icalendars, subscriptions
from promotions.icalendars import Day, Entry
from promotions.models import Campaign
from tests.conftest import Make
from tests.promotions.test_roles import member

JUNE = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)


def entry(**more: Any) -> Entry:
    usual: dict[str, Any] = {
        "uid": "strategy-1@proffer",
        "title": "Tea",
        "about": "June: live",
        "starts_at": JUNE,
        "ends_at": JUNE + timedelta(days=28),
        "zone": "Europe/Berlin",
        "firm": True,
        "kind": "strategy",
        "changed_at": JUNE,
    }
    return Entry(**usual | more)


def read(body: bytes) -> dict[str, Any]:
    return {str(one["uid"]): one for one in Calendar.from_ical(body).walk("VEVENT")}


@given(
    st.text(max_size=200),
    st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001
    st.integers(60, 10**8),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai"]),
)
def test_any_entry_is_read_back_by_a_library_as_it_was(
    title: str, at: datetime, seconds: int, zone: str
) -> None:
    starts_at = at.replace(tzinfo=UTC)
    one = entry(
        title=title,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=seconds),
        zone=zone,
    )

    body = icalendars.written("Proffer", [one], [])

    found = read(body)["strategy-1@proffer"]
    known = "".join(c for c in title if c.isprintable() and c not in '\\,;"')
    got = "".join(c for c in str(found["summary"]) if c.isprintable())
    assert "".join(c for c in got if c not in '\\,;"') == known
    assert abs(found["dtstart"].dt - one.starts_at) < timedelta(seconds=1)
    assert abs(found["dtend"].dt - one.ends_at) <= timedelta(seconds=1)
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))


def test_an_entry_has_its_zone_with_its_rules_and_nobody_is_busy() -> None:
    body = icalendars.written("Proffer", [entry(firm=False)], [])

    [zone] = Calendar.from_ical(body).walk("VTIMEZONE")
    found = read(body)["strategy-1@proffer"]
    assert zone["tzid"] == "Europe/Berlin"
    assert found["dtstart"].dt.hour == 14  # summer time
    assert found["dtstart"].params["tzid"] == "Europe/Berlin"
    assert (found["status"], found["transp"]) == ("TENTATIVE", "TRANSPARENT")
    assert body == icalendars.written("Proffer", [entry(firm=False)], [])


def test_a_holiday_is_a_whole_day() -> None:
    christmas = Day(day=date(2026, 12, 25), name="Christmas", kind="holiday")

    [found] = read(icalendars.written("Proffer", [], [christmas])).values()

    assert found["dtstart"].dt == date(2026, 12, 25)
    assert found["dtend"].dt == date(2026, 12, 26)


def address(client: Client) -> str:
    client.post(reverse("subscribe"), {"name": "Olga's telephone"})
    page = client.get(reverse("calendar"))
    found: str = page.context["made"]
    again = client.get(reverse("calendar"))
    assert found
    assert not again.context["made"]
    return found.removeprefix("http://testserver")


def test_an_address_is_made_read_and_revoked(
    client: Client, olga: User, live: Make, proposed: Make
) -> None:
    runs, waits = live(title="Tea, for all; now"), proposed(title="Milk")
    client.force_login(olga)
    path = address(client)
    anybody = Client()

    answer = anybody.get(path)

    found = read(answer.content)
    assert answer["Content-Type"].startswith("text/calendar")
    assert "private" in answer["Cache-Control"]
    assert str(found[f"strategy-{runs.id}@proffer"]["summary"]) == "Tea, for all; now"
    assert found[f"strategy-{waits.id}@proffer"]["status"] == "TENTATIVE"
    assert f"campaign-{runs.campaign_id}@proffer" in found
    assert any(uid.startswith("day-") for uid in found)
    assert "olga" not in answer.content.decode()
    [key] = ApiKey.objects.filter(scopes=["calendar"])
    assert path not in client.get(reverse("calendar")).content.decode()
    client.post(reverse("unsubscribe"), {"key": str(key.id)})
    assert anybody.get(path).status_code == 404
    assert client.get(reverse("calendar")).context["addresses"] == []


def test_a_file_that_leaves_some_out_says_how_many(
    client: Client,
    olga: User,
    live: Make,
    proposed: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live(), proposed()
    client.force_login(olga)
    path = address(client)
    assert b"left out" not in client.get(path).content
    monkeypatch.setattr(subscriptions, "MOST", 1)

    body = client.get(path).content

    assert len([uid for uid in read(body) if uid.startswith("strategy-")]) == 1
    [whole] = Calendar.from_ical(body).walk("VCALENDAR")
    assert str(whole["description"]).startswith("1 strategies that begin last")


def test_what_moves_keeps_its_uid_and_what_was_rejected_is_not_there(
    client: Client, olga: User, live: Make, proposed: Make
) -> None:
    strategy, other = live(), proposed()
    client.force_login(olga)
    path = address(client)
    before = read(client.get(path).content)
    later = timezone.now() + timedelta(days=50)
    Campaign.objects.filter(id=strategy.campaign_id).update(ends_at=later)
    approval.reject(other.id, by="oleg", comment="No.", at=timezone.now())

    after = read(client.get(path).content)

    uid = f"strategy-{strategy.id}@proffer"
    assert after[uid]["dtend"].dt != before[uid]["dtend"].dt
    assert f"strategy-{other.id}@proffer" in before
    assert f"strategy-{other.id}@proffer" not in after


def test_what_ended_early_ends_there(client: Client, olga: User, live: Make) -> None:
    strategy, at = live(), timezone.now()
    approval.end(strategy.id, by="oleg", comment="Enough.", at=at)
    client.force_login(olga)

    found = read(client.get(reverse("calendar_ics")).content)

    ends = found[f"strategy-{strategy.id}@proffer"]["dtend"].dt
    assert abs(ends - at) <= timedelta(seconds=1)


@pytest.mark.parametrize(
    "scopes", [["events"], ["calendar", "reports"], list(access.SCOPES)]
)
def test_a_key_of_the_api_is_no_address(
    client: Client, db: None, scopes: list[str]
) -> None:
    key = access.create_key("shop", scopes)

    assert client.get(reverse("feed_ics", args=[key])).status_code == 404
    assert client.get(reverse("feed_ics", args=["sk_guess"])).status_code == 404
    assert WrongKey.objects.count() == 2


def test_an_address_opens_no_door_of_the_api(client: Client, db: None) -> None:
    key = access.create_key("calendar", ["calendar"])
    headers = {"Authorization": f"Bearer {key}"}

    assert client.get("/api/v1/reports/programme", headers=headers).status_code == 403
    assert client.get("/api/v1/strategies", headers=headers).status_code in (403, 405)


def test_addresses_are_for_those_who_plan_campaigns(client: Client, db: None) -> None:
    client.force_login(member("Analysts"))
    assert client.post(reverse("subscribe"), {"name": "me"}).status_code == 403
    assert client.get(reverse("calendar_ics")).status_code == 200
    assert "Make an address" not in client.get(reverse("calendar")).content.decode()
    client.force_login(member("Operators"))
    assert client.post(reverse("subscribe"), {"name": "me"}).status_code == 302
    other = access.create_key("shop", ["reports"])
    [shop] = ApiKey.objects.filter(name="shop")
    answer = client.post(reverse("unsubscribe"), {"key": str(shop.id)})
    assert answer.status_code == 404
    assert access.find(other) is not None
    client.logout()
    assert client.get(reverse("calendar_ics")).status_code == 302


def test_logs_do_not_hold_the_address() -> None:
    line = "Not Found: /calendar/sk_abc-DEF_1.ics"

    assert "sk_abc" not in CUSTOMER.sub(r"\1…", line)
