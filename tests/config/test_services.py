"""The embedded services survive everything that a laptop does to them."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import environ
import psutil
import psycopg
import pytest
import redis

from config import services
from tests.config.places import Place, eventually, keepers, lives, place, places

__all__ = ["place", "places"]


def test_a_cold_start_answers_and_a_warm_attach_is_quick(place: Place) -> None:
    cold = place.attach()
    warm = place.attach()

    assert place.query()
    assert redis.Redis.from_url(place.urls.cache).ping()
    assert warm < 1 < 20 > cold
    # Ctrl-C in the terminal must not reach the keeper before our children.
    assert os.getsid(place.keeper) != os.getsid(0)
    for pid in (place.postmaster, place.valkey):
        assert psutil.Process(pid).uids().effective != 0
    assert (place.var / "run").stat().st_mode & 0o077 == 0


def test_vectors_come_with_the_server_and_reach_an_older_directory(
    place: Place,
) -> None:
    def superuser(database: str, *statements: str) -> list[object]:
        with psycopg.connect(
            host=str(environ.Env.db_url_config(place.urls.database)["HOST"]),
            user="postgres",
            dbname=database,
            autocommit=True,
        ) as connection:
            return [connection.execute(one).rowcount for one in statements]

    has = "SELECT 1 FROM pg_extension WHERE extname = 'vector'"
    place.attach()
    assert superuser("template1", has) == superuser("proffer", has) == [1]

    for database in ("template1", "proffer"):
        superuser(database, "DROP EXTENSION vector")
    place.stop()
    place.attach()
    eventually(lambda: superuser("proffer", has) == [1], 10)
    assert superuser("template1", has) == [1]


def test_eight_clients_at_once_start_one_keeper(place: Place) -> None:
    clients = [place.launch() for _ in range(8)]

    assert max(map(place.seconds, clients)) < 30

    assert keepers(place) == [place.keeper]
    log = (place.var / "log" / "keeper.log").read_text()
    assert log.count("postgres: started") == log.count("valkey: started") == 1


def test_services_stop_after_the_last_client_was_killed(place: Place) -> None:
    place.attach()
    pids = [place.keeper, place.postmaster, place.valkey]

    place.leave()
    time.sleep(2)
    assert all(map(lives, pids))

    eventually(lambda: not any(map(lives, pids)), 10)
    log = (place.var / "log" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


def test_a_new_keeper_adopts_what_a_killed_one_left(place: Place) -> None:
    place.attach()
    before = (place.postmaster, place.valkey)
    os.kill(killed := place.keeper, signal.SIGKILL)
    eventually(lambda: not lives(killed), 5)

    place.attach()

    assert place.keeper != killed
    assert (place.postmaster, place.valkey) == before


def test_a_killed_server_is_back_under_a_live_client(place: Place) -> None:
    place.attach()
    before = (place.postmaster, place.valkey)

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: place.query() and place.postmaster != before[0], 10)
    eventually(lambda: place.valkey != before[1], 10)


def test_a_removed_directory_takes_its_keeper_along(place: Place) -> None:
    place.attach()
    pids = [place.keeper, place.postmaster, place.valkey]

    shutil.rmtree(place.var)

    eventually(lambda: not any(map(lives, pids)), 10)
    place.attach()
    assert place.query()
    assert keepers(place) == [place.keeper]


@pytest.mark.parametrize("name", ["sleep", "postgres"])
def test_a_foreign_process_with_a_stale_number_is_untouched(
    place: Place, name: str
) -> None:
    place.attach()
    place.crash()
    sleep = shutil.which("sleep")
    assert sleep
    (place.var / name).symlink_to(sleep)
    # Of the same user: PostgreSQL itself then takes it for a rival.
    owner = place.postmaster_file.parent.stat().st_uid
    foreign = subprocess.Popen([place.var / name, "100"], user=owner)
    lines = place.postmaster_file.read_text().splitlines()
    place.postmaster_file.write_text("\n".join([str(foreign.pid), *lines[1:], ""]))
    (place.var / "valkey" / "valkey.pid").write_text(f"{foreign.pid}\n")

    place.attach()
    assert place.postmaster != foreign.pid
    place.leave()
    assert place.command("stop").returncode == 0

    assert foreign.poll() is None
    foreign.kill()
    foreign.wait()


@pytest.mark.parametrize("content", ["", "12", "4194303\n/nowhere\n"])
def test_a_half_written_pid_file_does_not_stop_the_start(
    place: Place, content: str
) -> None:
    place.attach()
    place.crash()
    place.postmaster_file.write_text(content)

    place.attach()

    assert place.query()


def test_a_path_too_long_for_a_socket_works(places: Callable[[str], Place]) -> None:
    place = places("d" * 60 + "/" + "e" * 60)

    place.attach()

    assert place.query()
    run = Path(environ.Env.db_url_config(place.urls.database)["HOST"])
    assert run.parent == Path("/tmp")
    assert run.stat().st_mode & 0o077 == 0
    place.leave()
    place.stop()
    shutil.rmtree(run)


def test_a_path_with_odd_characters_works(places: Callable[[str], Place]) -> None:
    place = places("My %41 ü+@ var")

    place.attach()

    assert place.query()
    assert redis.Redis.from_url(place.urls.cache).ping()


def test_a_broken_locale_and_foreign_pg_variables_do_no_harm(place: Place) -> None:
    place.attach(
        LANG="xx_XX.UTF-8",
        LC_ALL="yy_YY.UTF-8",
        PGHOST="nowhere.invalid",
        PGPORT="1",
        PGDATA="/nonexistent",
    )

    assert place.query()


def test_given_urls_start_nothing(places: Callable[[str], Place]) -> None:
    theirs, ours = places("theirs"), places("ours")
    theirs.attach()
    given = theirs.urls

    ours.attach(
        DATABASE_URL=given.database, BROKER_URL=given.broker, CACHE_URL=given.cache
    )

    assert list(ours.var.iterdir()) == []


def test_only_what_no_url_names_is_started(places: Callable[[str], Place]) -> None:
    theirs, ours = places("theirs"), places("ours")
    theirs.attach()
    given = theirs.urls

    ours.attach(DATABASE_URL=given.database, BROKER_URL=given.broker)

    assert redis.Redis.from_url(ours.urls.cache).ping()
    assert not list(ours.var.glob("pg*"))

    ours.attach()  # A client that needs more finds the same keeper willing.
    assert ours.query()
    assert len(keepers(ours)) == 1


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgres://app:s3cret@127.0.0.1:1/app"),
        ("DATABASE_URL", "postgres://app:s3c%2Fret@127.0.0.1:1/app"),
        ("DATABASE_URL", "postgres://app:s3cret#x@127.0.0.1:1/app"),
        ("DATABASE_URL", "postgres://app:s3cret@/nowhere/s3cret/app"),
        ("DATABASE_URL", "mysql://app:s3cret@127.0.0.1:1/app"),
        ("BROKER_URL", "redis://:s3cret@127.0.0.1:1/0"),
        ("BROKER_URL", "redis+socket:///nowhere/valkey.sock?virtual_host=0"),
        ("CACHE_URL", "redis://u:s3cret/x@127.0.0.1:1/0"),
        ("CACHE_URL", "s3cret"),
    ],
)
def test_a_wrong_url_is_named_without_its_password(variable: str, url: str) -> None:
    held = dict(services._leases)

    with pytest.raises(services.ServiceDown) as caught:
        services.attach({variable: url})

    said = str(caught.value)
    assert variable in said
    assert "s3c" not in said
    assert services._leases == held


def test_start_keeps_the_services_until_stop(place: Place) -> None:
    assert place.command("status").returncode == 1
    assert place.command("start").returncode == 0
    pids = [place.keeper, place.postmaster, place.valkey]

    time.sleep(6.5)
    assert place.command("status").returncode == 0
    assert all(map(lives, pids))

    assert place.command("stop").returncode == 0
    assert not any(map(lives, pids))
    assert place.command("status").returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="root's own difficulty")
def test_a_directory_that_only_root_enters_stays_private(
    places: Callable[[str], Place],
) -> None:
    place = places("private/var")
    place.var.parent.chmod(0o700)

    place.attach()

    assert place.query()
    assert place.var.parent.stat().st_mode & 0o777 == 0o700
    for pid in (place.postmaster, place.valkey):
        status = Path(f"/proc/{pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
