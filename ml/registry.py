"""Model files, each named by the SHA-256 of its bytes.

A pickle runs code when it is read, so nothing is unpickled before its checksum, which
the database holds, has been verified. A file is never changed; one nobody points to is
harmless and may be deleted.
"""

import hashlib
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import polars as pl
from django.conf import settings

from ml.models import TrainedModel


class Tampered(Exception):
    """A model's file is not the one that was saved."""


class NoChampion(Exception):
    """No model has been promoted for the task yet."""


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """All that scoring needs: the estimator and the world that it was trained in."""

    estimator: Any
    categories: tuple[str, ...]
    context: pl.DataFrame
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


def _path(checksum: str) -> Path:
    return Path(settings.MODELS_DIR) / f"{checksum}.joblib"
