"""Listings become vectors when they change; words and likeness find them."""

from decimal import Decimal

import pytest
from django.test import Client
from rest_framework.test import APIClient

from analytics import access, clock
from catalog import feeds
from catalog.models import Product
from ml import indexing, searching, twins
from ml.models import ContentRun, ContentVector, ProductContent, ProductTwin
from tests.conftest import NOW, role

GOODS = [
    ("milk", "Whole milk", "DAIRY", "Meadow", "1 l"),
    ("choc", "Milk chocolate", "SWEETS", "Rich", "100 g"),
    ("shampoo", "Shampoo for dry hair", "CARE", "Soft", "250 ml"),
    ("soap", "Hand soap", "CARE", "Soft", "250 ml"),
    ("diapers", "Baby diapers", "BABY", "Soft", "40 ct"),
    ("pizza", "Frozen pizza margherita", "FROZEN", "Luigi", "350 g"),
    ("wine", "Red wine from Rioja", "WINE", "Casa", "0.75 l"),
]


def listed(sku: str, name: str, category: str, brand: str, size: str) -> feeds.Listed:
    return feeds.Listed(
        sku=sku,
        name=name,
        category=category,
        brand=brand,
        size=size,
        currency="USD",
        price=Decimal("2.00"),
    )


@pytest.fixture
def goods(db: None) -> None:
    feeds.take([listed(*one) for one in GOODS], at=NOW)
    indexing.refresh(whole=True)


def skus(found: searching.Hits) -> list[str]:
    return [hit.sku for hit in found.hits]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("milk", "milk"),
        ("shampo", "shampoo"),
        ("red wines", "wine"),
        ("洗发水", "shampoo"),
        ("婴儿尿布", "diapers"),
        ("冷冻披萨", "pizza"),
        ("红葡萄酒", "wine"),
        ("Luigi", "pizza"),
    ],
)
def test_words_of_both_languages_find(goods: None, text: str, first: str) -> None:
    assert skus(searching.search(text, most=5))[0] == first


def test_what_a_slip_was_read_as_is_told(goods: None) -> None:
    assert searching.search("shampo", most=5).spelt == {"shampo": "shampoo"}
    assert searching.search("milk", most=5).spelt == {}


def test_what_is_not_sold_is_not_found(goods: None) -> None:
    Product.objects.filter(sku="milk").update(stock=0)
    Product.objects.filter(sku="choc").update(price=None)
    found = skus(searching.search("milk", most=50))
    assert "milk" not in found
    assert "choc" not in found


def test_a_category_holds_all_and_nothing_else(goods: None) -> None:
    assert skus(searching.search("soft", most=9, category="BABY")) == ["diapers"]
    assert skus(searching.search("milk", most=9, category="NOWHERE")) == []


@pytest.mark.parametrize("text", ["", " ", "\0", "qqqqzzz", "' | !!", "a" * 5000])
def test_nonsense_is_no_error(goods: None, text: str) -> None:
    searching.search(text, most=5)


def test_only_what_changed_is_read_again(goods: None) -> None:
    assert not indexing.due()
    before = dict(ContentVector.objects.values_list("text", "pk"))

    feeds.take([listed(*one) for one in GOODS], at=clock.now())
    assert indexing.refresh(whole=True) == 0

    feeds.take(
        [listed("soap", "Dog food with beef", "PETS", "Wuff", "2 kg")], at=clock.now()
    )
    assert indexing.refresh(whole=True) == 1
    after = dict(ContentVector.objects.values_list("text", "pk"))
    assert len(before.items() & after.items()) == len(GOODS) - 1
    assert "hand soap. care. soft. 250 ml" not in after
    assert skus(searching.search("狗粮", most=3))[0] == "soap"
    run = ContentRun.objects.get()
    assert (run.waiting, run.read, "beef" in run.vocabulary) == (0, 1, True)


def test_a_text_that_products_share_is_read_once(goods: None) -> None:
    same = [listed(f"m{i}", *GOODS[0][1:]) for i in range(3)]
    feeds.take(same, at=clock.now())
    indexing.refresh(whole=True)
    assert ContentVector.objects.count() == len(GOODS)
    assert ProductContent.objects.count() == len(GOODS) + 3


def test_a_run_that_was_stopped_goes_on(
    goods: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "CHUNK", 2)
    more = [listed(f"t{i}", f"Tea number {i}", "TEA", "", "") for i in range(6)]
    feeds.take(more, at=clock.now())
    begun = clock.wall()
    late = iter([begun, begun + 2 * indexing.RUN])
    assert indexing.refresh(wall=lambda: next(late)) == 2
    assert ContentRun.objects.get().waiting == 4
    assert indexing.due()
    assert indexing.refresh(whole=True) == 4


def test_another_model_s_vectors_are_never_compared(goods: None) -> None:
    ContentVector.objects.update(model="an older one")
    assert skus(searching.search("洗发水", most=5)) == []
    assert searching.alike("milk", most=3) == []


def test_similar_products_are_near_in_meaning(goods: None) -> None:
    feeds.take(
        [listed("cond", "Conditioner for dry hair", "CARE", "Soft", "250 ml")],
        at=clock.now(),
    )
    indexing.refresh(whole=True)
    found = searching.alike("cond", most=3)
    assert found[0] == "shampoo"
    assert "cond" not in found
    assert searching.alike("nobody", most=3) == []


def test_the_door_is_open_to_browsers(goods: None) -> None:
    key = access.create_key("page", ["search"], publishable=True)
    page = APIClient()
    page.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    answer = page.get("/api/v1/search?q=洗发水&limit=2")
    assert answer.status_code == 200
    first = answer.json()["products"][0]
    assert (first["sku"], first["price"]) == ("shampoo", "2.00")
    assert page.get("/api/v1/search").status_code == 400
    assert page.get("/api/v1/search?q=milk&limit=0").status_code == 400

    other = access.create_key("other", ["offers"])
    page.credentials(HTTP_AUTHORIZATION=f"Bearer {other}")
    assert page.get("/api/v1/search", {"q": "milk"}).status_code == 403


def test_twins_are_found_and_a_person_s_word_stays(goods: None) -> None:
    twin = listed("milk2", "Milk, whole", "DAIRY", "Meadow", "1000 ml")
    larger = listed("milk3", "Whole milk", "DAIRY", "Meadow", "2 l")
    feeds.take([twin, larger], at=clock.now())
    indexing.refresh(whole=True)

    pairs = set(ProductTwin.objects.values_list("first", "second"))
    assert pairs == {("milk", "milk2")}

    pair = ProductTwin.objects.get()
    twins.decide([pair.pk], ProductTwin.State.DIFFERENT, by="olga", at=clock.now())
    twins.look(["milk", "milk2"], at=clock.now())
    pair.refresh_from_db()
    assert (pair.state, pair.by) == ("different", "olga")
    assert ProductTwin.objects.count() == 1


def test_one_number_is_one_product_whatever_it_is_called(goods: None) -> None:
    Product.objects.filter(sku__in=["wine", "soap"]).update(gtin="4006381333931")
    assert twins.look(["wine"], at=clock.now()) == 1
    assert ProductTwin.objects.get(why="gtin").likelihood == 1


def test_the_back_office_shows_and_decides(goods: None, client: Client) -> None:
    from django.contrib.auth.models import User

    ProductTwin.objects.create(
        first_id="milk", second_id="soap", likelihood=0.9, why="words", at=NOW
    )
    user = User.objects.create_user("bea", password="x", is_staff=True)
    user.groups.add(role("Operators"))
    client.force_login(user)
    page = client.get("/admin/catalog/product/shampoo/change/")
    assert "Hand soap" in page.content.decode()
    listing = "/admin/ml/producttwin/"
    assert "Whole milk" in client.get(listing).content.decode()
    pair = ProductTwin.objects.get()
    client.post(listing, {"action": "are_different", "_selected_action": [pair.pk]})
    pair.refresh_from_db()
    assert (pair.state, pair.by) == ("different", "bea")
    assert client.get("/admin/ml/contentrun/").status_code == 200


def test_a_new_product_is_reached_by_who_buys_its_like(
    goods: None, api: APIClient
) -> None:
    at = clock.now()
    fresh = [
        listed("cond", "Conditioner for dry hair", "CARE", "Soft", "250 ml"),
        listed("beef", "Beef steak", "MEAT", "", "300 g"),
    ]
    feeds.take(fresh, at=at)
    Product.objects.exclude(sku__in=["cond", "beef"]).update(first_listed_at=None)
    indexing.refresh(whole=True)
    order = {
        "id": "o-1",
        "type": "order_completed",
        "customer": "ana",
        "data": {
            "order_id": "o-1",
            "currency": "USD",
            "lines": [{"sku": "shampoo", "quantity": 1, "paid": "2.00"}],
        },
    }
    sent = api.post("/api/v1/events", {"events": [order]}, format="json")
    assert sent.status_code == 200

    def shown(who: str, **asked: int) -> list[str]:
        path = f"/api/v1/customers/{who}/recommendations"
        rows = api.get(path, {"limit": 3, **asked}).json()["products"]
        return [row["sku"] for row in rows]

    assert shown("ana", new=2)[0] == "cond"
    assert "cond" not in shown("ana")
    assert "cond" not in shown("stranger", new=2)
    Product.objects.filter(sku="cond").update(stock=0)
    assert "cond" not in shown("ana", new=2)


def test_the_demo_shop_s_box_reads_both_languages(goods: None, client: Client) -> None:
    found = client.get("/shop/search", {"q": "洗发水"}).content.decode()
    assert "Shampoo for dry hair" in found
    assert "Frozen pizza" not in found
    assert "shampoo" in client.get("/shop/search", {"q": "shampo"}).content.decode()
    assert client.get("/shop/search").status_code == 200
    assert client.get("/shop/search", {"q": "\0'"}).status_code == 200
