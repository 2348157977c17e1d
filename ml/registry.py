"""Model files, each named by the SHA-256 of its bytes.

A pickle runs code when it is read, so nothing is unpickled before its checksum, which
the database holds, has been verified. A file is never changed; `prune` deletes those
that nobody will load again, and their rows keep the figures.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import joblib
from django.conf import settings

from ml.context import Context
from ml.models import TrainedModel

KEPT = 5
"""Promotions of a task whose files stay: the champion, and some to go back to."""
GRACE = timedelta(hours=1)
"""A younger file may be of a training that has not stored its rows yet."""


class Tampered(Exception):
    """A model's file is not the one that was saved."""


class NoChampion(Exception):
    """No model has been promoted for the task yet."""


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """All that scoring needs: the estimator and the world that it was trained in."""

    estimator: Any
    categories: tuple[str, ...]
    context: Context
    features_version: int


def packed(bundle: Bundle) -> bytes:
    """Serialise a bundle, as `save` takes it."""
    buffer = io.BytesIO()
    joblib.dump(bundle, buffer, compress=3)
    return buffer.getvalue()


def save(model: bytes) -> str:
    """Write the file whole or not at all; return its checksum."""
    checksum = hashlib.sha256(model).hexdigest()
    path = _path(checksum)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(model)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    return checksum


def load(checksum: str) -> Bundle:
    """Read a model that the database knows by `checksum`.

    :raises Tampered: the file's bytes have another checksum.
    :raises FileNotFoundError: the file is gone.
    """
    model = _path(checksum).read_bytes()
    if hashlib.sha256(model).hexdigest() != checksum:
        raise Tampered(f"{_path(checksum)} does not match its checksum")
    bundle = joblib.load(io.BytesIO(model))
    if not isinstance(bundle, Bundle):
        raise Tampered(f"{_path(checksum)} holds no model")
    return bundle


def champion(task: str) -> TrainedModel:
    """Return the model in charge of the task: the one promoted last.

    :raises NoChampion: there is none yet.
    """
    promoted = TrainedModel.objects.filter(task=task, promoted_at__isnull=False)
    newest = promoted.order_by("-promoted_at").first()
    if newest is None:
        raise NoChampion(task)
    return newest


def prune(*, at: datetime) -> int:
    """Delete the files that no recent promotion names; return how many."""
    files = Path(settings.MODELS_DIR).glob("*.joblib")
    old = [file for file in files if _changed(file) < at - GRACE]
    kept = {_path(checksum) for checksum in _promoted_lately()}
    gone = [file for file in old if file not in kept]
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _promoted_lately() -> Iterator[str]:
    promoted = TrainedModel.objects.filter(promoted_at__isnull=False)
    for task in promoted.order_by().values_list("task", flat=True).distinct():
        newest = promoted.filter(task=task).order_by("-promoted_at")
        yield from newest.values_list("checksum", flat=True)[:KEPT]


def _path(checksum: str) -> Path:
    return Path(settings.MODELS_DIR) / f"{checksum}.joblib"
