"""Model files, each named by the SHA-256 of its bytes; none is ever changed.

A file holds plain arrays (ml.artefacts), and none is read before its checksum, which
the database holds, has been verified. The web process loads from here too, so no
learning library may be imported.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

from analytics.wording import Wording
from ml.artefacts import Artefact, NotAnArtefact, unpack

TMP = "tmp"


class Tampered(Exception):
    """A model's file is not the one that was saved."""


UNREADABLE = (Tampered, OSError, ValueError, KeyError)
"""What making a model of a file may raise: it is gone, broken, or for other code."""


def save(model: bytes) -> str:
    """Write the file whole or not at all; return its checksum."""
    checksum = hashlib.sha256(model).hexdigest()
    write(path(checksum), model)
    return checksum


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; killed half-way it leaves `tmp…` to prune."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: only within a file system a rename is whole or not at all.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TMP, delete=False) as file:
        file.write(content)
        file.flush()
        # On disk before it has its name: after a crash that must not lead to nothing.
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def load(checksum: str) -> Artefact:
    """Read a model that the database knows by `checksum`.

    :raises Tampered: the file's bytes have another checksum.
    :raises FileNotFoundError: the file is gone.
    """
    model = path(checksum).read_bytes()
    # First: bytes that the database does not vouch for are not even parsed.
    if hashlib.sha256(model).hexdigest() != checksum:
        raise Tampered(f"{path(checksum)} does not match its checksum")
    try:
        return unpack(model)
    except NotAnArtefact as error:
        raise Tampered(f"{path(checksum)} holds no model") from error


def fault(checksum: str) -> str:
    """Say what is wrong with a model's file; "" if nothing is. Some MB take 10 ms."""
    try:
        content = path(checksum).read_bytes()
    except OSError as error:
        return Wording("cannot be read (%(error)s)", error=type(error).__name__)
    whole = hashlib.sha256(content).hexdigest() == checksum
    return "" if whole else Wording("is not the one that was saved")


def path(checksum: str) -> Path:
    return Path(settings.MODELS_DIR) / f"{checksum}.npz"
