"""What people say: taken in, moderated, forgotten, and gone with who said it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from analytics import clock, privacy
from analytics.models import Customer, StoredEvent
from catalog import intake, intake_runs, reviews
from catalog.models import Feed, Review

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PATH = "/api/v1/reviews"


def text(id_: str = "r-1", **fields: Any) -> dict[str, Any]:
    said = {"id": id_, "text": "The tea is fine, the lid is not.", "sku": "tea"}
    return said | {"written_at": AT.isoformat()} | fields


def post(api: APIClient, *rows: Any) -> Any:
    return api.post(PATH, {"reviews": list(rows)}, format="json")


def types() -> list[str]:
    return list(StoredEvent.objects.order_by("position").values_list("type", flat=True))


def test_texts_come_in_and_are_of_their_product(api: APIClient, shelf: None) -> None:
    answer = post(api, text(rating=4, customer="ana"), text("r-2", sku="", topic="app"))

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    row = Review.objects.get(id="r-1")
    assert (row.category, row.state, row.topic_said) == ("TEA", "pending", False)
    assert row.customer == Customer.objects.get(external_id="ana").key
    assert Review.objects.get(id="r-2").topic_said
    assert types().count("review_written") == 2
    told = StoredEvent.objects.filter(type="review_written").order_by("position")
    assert "lid" not in str(list(told.values_list("data", flat=True)))


def test_an_id_is_taken_once_and_a_changed_text_takes_its_place(
    api: APIClient, shelf: None
) -> None:
    post(api, text())
    reviews.publish(["r-1"], by="olga", at=AT)

    assert post(api, text()).json()["duplicate"] == 1
    assert Review.objects.get().state == "published"
    assert types().count("review_written") == 1

    assert post(api, text(text="The lid broke.")).json()["changed"] == 1
    row = Review.objects.get()
    assert (row.text, row.state) == ("The lid broke.", "pending")


def test_a_wrong_text_is_named_and_harms_no_other(api: APIClient, shelf: None) -> None:
    answer = post(api, text(), text("r-2", rating=7), text("r-3", text=" "), "no text")

    told = answer.json()
    assert [one["status"] for one in told["results"]] == ["accepted", *["rejected"] * 3]
    assert told["results"][1]["path"] == "$.rating"
    assert told["results"][2]["path"] == "$.text"
    assert Review.objects.count() == 1


def test_where_all_are_wrong_the_problem_names_the_fields(api: APIClient) -> None:
    answer = post(api, text(rating="good"), text("r-2", written_at="2031-01-01T00:00Z"))

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    fields = {one["field"] for one in answer.json()["errors"]}
    assert fields == {"reviews[0].rating", "reviews[1].written_at"}
    assert not Review.objects.exists()


@pytest.mark.parametrize("body", [{}, {"reviews": []}, {"reviews": "x"}, [1], None])
def test_a_body_without_texts_is_refused(api: APIClient, body: Any) -> None:
    answer = api.post(PATH, body, format="json")

    assert answer.status_code == 400


def test_only_published_texts_are_read_and_nobody_is_named(
    api: APIClient, shelf: None
) -> None:
    rows = [
        text(f"r-{n}", customer="ana", written_at=(AT - timedelta(days=n)).isoformat())
        for n in range(5)
    ]
    post(api, *rows)
    reviews.publish(["r-0", "r-1", "r-2", "r-4"], by="olga", at=AT)
    reviews.hide(["r-4"], by="olga", at=AT)

    first = api.get(PATH, {"limit": "2", "sku": "tea"}).json()
    rest = api.get(
        PATH, {"limit": "2", "sku": "tea", "after": str(first["next"])}
    ).json()

    assert [one["id"] for one in first["reviews"]] == ["r-0", "r-1"]
    assert [one["id"] for one in rest["reviews"]] == ["r-2"]
    assert rest["next"] is None
    assert "ana" not in str(first)
    assert "customer" not in first["reviews"][0]
    assert api.get(PATH, {"after": "nowhere"}).status_code == 400


def test_texts_of_who_is_erased_are_gone_and_no_new_ones_taken(
    api: APIClient, shelf: None
) -> None:
    post(api, text(customer="cleo", text="My secret word"), text("r-2"))
    held = privacy.export("cleo")
    assert held is not None
    assert "My secret word" in str(held["held"]["catalog.review"])

    privacy.erase("cleo", by="olga", at=clock.now())

    assert list(Review.objects.values_list("id", flat=True)) == ["r-2"]
    assert privacy.export("cleo") is None
    answer = post(api, text("r-3", customer="cleo"), text("r-4"))
    assert answer.json()["results"][0]["path"] == "$.customer"
    assert not Review.objects.filter(id="r-3").exists()


def test_texts_go_when_their_time_is_over(db: None) -> None:
    day = AT.date()
    one = reviews.Written(id="a", text="x", written_at=AT, kept_until=day)
    two = reviews.Written(id="b", text="x", written_at=AT)
    reviews.receive([one, two], at=AT)

    assert reviews.forget(at=AT) == 0
    assert reviews.forget(at=AT + timedelta(days=1)) == 1
    assert list(Review.objects.values_list("id", flat=True)) == ["b"]
    assert reviews.forget(at=AT + timedelta(days=731)) == 1


CSV = """review_id,评论,stars,customer_id,date
a,"Good, mostly",4,ana,2026-05-30T08:00Z
b,Bad,9,ana,2026-05-30T08:00Z
c,,3,,2026-05-30T08:00Z
"""
LINES = (
    b'{"id": "a", "text": "\xe8\x8c\xb6\xe5\xbe\x88\xe5\xa5\xbd", "source": "news"}\n'
)


def test_a_file_is_imported_and_its_wrong_rows_told_without_their_words(
    shelf: None,
) -> None:
    feed = intake.receive(
        "said.csv",
        CSV.encode(),
        what="reviews",
        options={},
        by="olga",
        at=AT,
        wanted=True,
    )
    intake_runs.run()
    feed.refresh_from_db()

    assert (feed.state, feed.taken, feed.refused) == ("done", 1, 2), feed.error
    assert {(one["row"], one["field"]) for one in feed.errors} == {
        (3, "rating"),
        (4, "text"),
    }
    assert "9" not in {one["value"] for one in feed.errors}
    assert feed.body is None
    assert feed.seen["first"] == []
    assert Review.objects.get().rating == 4


def test_json_lines_carry_news(shelf: None) -> None:
    feed = intake.receive(
        "news.jsonl", LINES, what="reviews", options={}, by="olga", at=AT, wanted=True
    )
    intake_runs.run()
    feed.refresh_from_db()

    assert feed.state == "done", feed.error
    assert Review.objects.get().source == "news"
    assert Feed.objects.filter(what="reviews").count() == 1


def test_a_moderator_publishes_in_the_back_office(
    api: APIClient, client: Client, olga: User, shelf: None
) -> None:
    post(api, text(), text("r-2"))
    client.force_login(olga)
    page = "/admin/catalog/review/"
    assert "The tea is fine" in client.get(page).content.decode()

    client.post(page, {"action": "publish", "_selected_action": ["r-1"]})

    assert Review.objects.get(id="r-1").moderated_by == "olga"
    assert Review.objects.get(id="r-2").state == "pending"
    assert types().count("review_moderated") == 1
