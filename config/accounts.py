"""Whom the embedded services run as, and the directories that are theirs alone.

For a changer: never change the mode or owner of a directory that we did not create (a
tool that did so opened /root to everybody).
"""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.services import LOGS, ROOT, VAR

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"}


class Unfit(Exception):
    """This machine or this directory cannot run the services; says why."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whom the services run as: ourselves, or somebody lesser if we are root."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    @property
    def owner(self) -> int:
        return os.geteuid() if self.uid is None else self.uid

    def run(
        self, command: Sequence[str | Path], log: Path, **extra: str
    ) -> "subprocess.Popen[bytes]":
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603
                [*self.prefix, *command],
                cwd="/",
                env={**ENVIRONMENT, **extra},
                stdin=subprocess.DEVNULL,
                stdout=fd,
                stderr=fd,
                umask=0o077,
                user=self.uid,
                group=self.gid,
                # Else root's groups would go along.
                extra_groups=None if self.uid is None else [],
            )
        finally:
            os.close(fd)

    def reaches(self, program: Path) -> bool:
        """Try whether this account can enter VAR and run the program."""
        script = 'cd "$1" && exec "$2" --version'
        command = ("/bin/sh", "-c", script, "sh", str(VAR), str(program))
        try:
            return self.run(command, LOGS / "keeper.log").wait(30) == 0
        except OSError:
            return False


def choose_account(homes: Sequence[Path], programs: Sequence[Path]) -> Account:
    """Find whom to run as; PostgreSQL refuses root, and so do we for Valkey."""
    if os.geteuid() != 0:
        return Account()
    owner = next((home.stat().st_uid for home in homes if home.exists()), None)
    candidates = []
    # What root owns was made in a user namespace, and is reached by that alone.
    if owner is None or owner > 0:
        candidates.append(_ordinary(owner))
    if not owner and (unshare := shutil.which("unshare")):
        # Root without its powers, seen as user 1000: needs no other account, and
        # reaches a project under /root. Docker's seccomp profile may forbid it.
        prefix = (unshare, "--user", "--map-user=1000", "--")
        candidates.append(Account(prefix=prefix))
    for account in candidates:
        if all(account.reaches(program) for program in programs):
            return account
    raise Unfit(
        f"root may not run PostgreSQL, and no other account reaches both {ROOT} and "
        f"{VAR}: run as an ordinary user, or move them out of a private directory."
    )


def _ordinary(owner: int | None) -> Account:
    if owner is not None:
        with contextlib.suppress(KeyError):
            return Account(uid=owner, gid=pwd.getpwuid(owner).pw_gid)
        return Account(uid=owner, gid=owner)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    return Account(uid=65534, gid=65534)


def make_private(path: Path, account: Account) -> None:
    """Create a directory for the account alone, and trust no one else's."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
        if account.uid is not None and account.gid is not None:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.owner:
        raise Unfit(
            f"{path} belongs to user id {found.st_uid}, but the services would run as "
            f"{account.owner}: run as that user, or move it away."
        )
    path.chmod(0o700)
