"""Pictures are fetched politely, and alike things are near; small data, drawn here."""

import io
import pickle
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images

from analytics import clock
from catalog import feeds
from catalog.models import Product
from ml import indexing, pictures, picturing, searching
from ml.models import ContentRun, ProductContent, Source

PALACE, DAISY = 698, 985
"""Classes of ImageNet."""


def drawn(picture: Image.Image, kind: str = "PNG") -> bytes:
    held = io.BytesIO()
    picture.save(held, kind)
    return held.getvalue()


def photos() -> list[Image.Image]:
    return [Image.fromarray(one) for one in load_sample_images().images]


def test_the_net_names_what_two_photographs_show() -> None:
    held = pictures.weights()
    for photo, known in zip(photos(), (PALACE, DAISY), strict=True):
        shown = pictures._forward(pictures.read(drawn(photo)), pictures._net())
        said = shown @ held["_fc.weight"].T + held["_fc.bias"]
        assert said.argmax() == known


def test_a_copy_is_nearer_than_another_picture() -> None:
    palace, daisy = photos()
    copy = palace.crop((30, 20, 610, 400)).resize((300, 200))
    one, other = pictures.encode(drawn(palace)), pictures.encode(drawn(daisy))
    again = pictures.encode(drawn(copy, "JPEG"))
    assert np.isclose(np.linalg.norm(one), 1, atol=1e-5)
    assert one @ again > 0.85
    assert one @ other < 0.5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        drawn(Image.new("1", (1, 1)))[:40],
        drawn(Image.new("L", (9, 9)), "BMP"),
    ],
)
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    with pytest.raises(pictures.NoPicture):
        pictures.encode(body)


def test_a_huge_picture_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(pictures.NoPicture):
        pictures.read(drawn(Image.new("1", (9000, 9000))))


def test_clear_colours_and_palettes_are_read() -> None:
    for mode in ("RGBA", "P", "L", "LA", "CMYK"):
        kind = "JPEG" if mode == "CMYK" else "PNG"
        assert pictures.read(drawn(Image.new(mode, (30, 50)), kind)).shape == (
            *(224, 224),
            3,
        )


def test_a_file_of_weights_can_run_nothing() -> None:
    class Evil:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return print, ("ran",)

    with pytest.raises(pickle.UnpicklingError):
        pictures._Arrays(io.BytesIO(pickle.dumps(Evil()))).load()


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        good = self.path.startswith("/round")
        self.send_response(200 if good else 404)
        self.end_headers()
        if good:
            self.wfile.write(disc(self.path))

    def log_message(self, *_: object) -> None:
        pass


def disc(path: str) -> bytes:
    size = 100 if "small" in path else 180
    picture = Image.new("RGB", (220, 220), "white")
    ImageDraw.Draw(picture).ellipse((20, 20, size, size), fill="red")
    return drawn(picture)


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def listed(sku: str, url: str) -> feeds.Listed:
    return feeds.Listed(
        sku=sku, name=sku, image_url=url, currency="USD", price=Decimal(1)
    )


def test_pictures_are_fetched_once_and_faults_are_kept(
    db: None, settings: object, address: str
) -> None:
    settings.MARKET_FROM_PRIVATE = True  # type: ignore[attr-defined]
    goods = [
        listed("ball", f"{address}/round.png"),
        listed("marble", f"{address}/round-small.png"),
        listed("lost", f"{address}/gone.png"),
        listed("plain", ""),
    ]
    feeds.take(goods, at=clock.now())
    indexing.refresh(whole=True)
    assert picturing.refresh() == 3
    assert picturing.refresh() == 0
    assert ProductContent.objects.get(product="lost", source="image").fault == (
        "status 404"
    )
    run = ContentRun.objects.get(source=Source.IMAGE)
    assert (run.read, run.faults) == (3, 1)
    assert "marble" in searching._looks("ball")
    Product.objects.filter(sku="ball").update(image_url=f"{address}/round-small.png")
    assert picturing.refresh() == 1
    held = ProductContent.objects.filter(source="image", content__isnull=False)
    assert len(set(held.values_list("content", flat=True))) == 1


def test_our_own_networks_are_not_looked_into(db: None, address: str) -> None:
    feeds.take([listed("ball", f"{address}/round.png")], at=clock.now())
    assert picturing.refresh() == 1
    row = ProductContent.objects.get(source="image")
    assert row.content is None
    assert row.fault
