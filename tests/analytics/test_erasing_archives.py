"""Archives forget and remember like the log, and take no event late that was erased."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from analytics import archive, identity, privacy, store, tasks
from analytics.models import Erasure, Profile
from tests.analytics.conftest import order, sent, together
from tests.analytics.personal import cleo_shops, ingest


@pytest.mark.django_db(transaction=True)
def test_the_archives_forget_and_remember_like_the_log(
    settings: Any, tmp_path: Path
) -> None:
    settings.ARCHIVE_DIR = tmp_path
    cleo_shops()
    old = timezone.now() - timedelta(days=400)
    ingest(
        *(sent(customer="cleo-9000", occurred_at=old.isoformat()) for _ in range(5)),
        order("5.00", customer="ana", occurred_at=old.isoformat(), id="old-order"),
    )
    tasks.catch_up()
    cleo = identity.find("cleo-9000")
    before = list(archive.read(until=store.high_water()))

    moved = archive.archive(
        (old + timedelta(days=62)).date(), at=timezone.now(), progress=lambda _: None
    )

    assert moved == 6
    assert list(archive.read(until=store.high_water())) == before
    assert len(list(store.read(until=store.high_water()))) == len(before) - 6
    [again] = ingest(order("5.00", customer="ana", id="old-order"))
    assert again.status == "duplicate"

    privacy.erase("cleo-9000", by="shop", at=timezone.now())
    assert Erasure.objects.get().keys
    tasks.forget_erased()

    assert not Erasure.objects.get().keys
    after = list(archive.read(until=store.high_water()))
    assert cleo not in {stored.customer for stored in after}
    assert len(after) == len(before) + 1
    files = list(tmp_path.iterdir())
    assert len(files) == 1
    assert str(cleo).encode() not in b"".join(f.read_bytes() for f in files)


@pytest.mark.django_db
def test_a_rebuild_reads_the_archives(settings: Any, tmp_path: Path) -> None:
    from analytics import projections, rebuilds

    settings.ARCHIVE_DIR = tmp_path
    old = timezone.now() - timedelta(days=400)
    ingest(*(order("2.00", occurred_at=old.isoformat()) for _ in range(7)), order("1"))
    tasks.catch_up()
    before = [list(t.objects.values()) for t in (Profile,)]
    archive.archive(timezone.now().date(), at=timezone.now(), progress=lambda _: None)

    assert rebuilds.rebuild(projections.ALL) == {}

    assert [list(t.objects.values()) for t in (Profile,)] == before
    assert Profile.objects.get().orders == 8


@pytest.mark.django_db
def test_late_events_of_an_archived_month_join_it(
    settings: Any, tmp_path: Path
) -> None:
    settings.ARCHIVE_DIR = tmp_path
    old = (timezone.now() - timedelta(days=400)).isoformat()
    today = timezone.now().date()
    for _ in range(2):
        ingest(sent(occurred_at=old))
        tasks.catch_up()
        archive.archive(today, at=timezone.now(), progress=lambda _: None)

    assert len(list(archive.read(until=store.high_water()))) == 2


@pytest.mark.django_db
def test_what_is_not_folded_yet_is_not_archived(settings: Any, tmp_path: Path) -> None:
    settings.ARCHIVE_DIR = tmp_path
    old = (timezone.now() - timedelta(days=400)).isoformat()
    ingest(sent(occurred_at=old))
    today = timezone.now().date()

    assert archive.archive(today, at=timezone.now(), progress=lambda _: None) == 0
    tasks.catch_up()
    assert archive.archive(today, at=timezone.now(), progress=lambda _: None) == 1

    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(archive.Damaged):
        list(archive.read(until=store.high_water()))


@pytest.mark.django_db(transaction=True)
def test_a_retry_while_its_month_is_archived_stays_out(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ARCHIVE_DIR = tmp_path
    old = sent(occurred_at=(timezone.now() - timedelta(days=400)).isoformat())
    ingest(old)
    tasks.catch_up()
    keep = archive._keep

    def slowly(*given: Any) -> None:
        time.sleep(1)
        keep(*given)

    monkeypatch.setattr(archive, "_keep", slowly)
    now = timezone.now()

    def retry() -> None:
        time.sleep(0.3)
        [result] = ingest(old)
        assert result.status == "duplicate"

    def move() -> None:
        archive.archive(now.date(), at=now, progress=lambda _: None)

    together(move, retry)

    assert len(list(archive.read(until=store.high_water()))) == 1
