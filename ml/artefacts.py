"""A model's file: named plain arrays and a header, nothing that runs.

NumPy's .npz, read with `allow_pickle=False`, so a file can be wrong but never act. The
same arrays are evaluated in the worker and in the web process, see ml.predictors.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = "header"


class NotAnArtefact(Exception):
    """The bytes are not those of a model's file."""


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """`kind` says who can evaluate it; `header` is JSON; no array is of objects."""

    kind: str
    header: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def pack(artefact: Artefact, *, small: bool = True) -> bytes:
    """Serialise; equal artefacts make equal bytes, hence equal checksums."""
    save = np.savez_compressed if small else np.savez
    # Sorted keys, for equal bytes; as an array, since a file holds nothing else.
    header = json.dumps({"kind": artefact.kind, **artefact.header}, sort_keys=True)
    told = np.frombuffer(header.encode(), np.uint8)
    buffer = io.BytesIO()
    # Members of the archive are dated 1980, not now: equal arrays are equal bytes.
    save(buffer, allow_pickle=False, **{HEADER: told}, **dict(artefact.arrays))
    return buffer.getvalue()


def unpack(packed: bytes) -> Artefact:
    """Read what `pack` wrote.

    :raises NotAnArtefact: and nothing in the bytes has been run.
    """
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays.pop(HEADER).tobytes())
        kind = header.pop("kind")
    # What np.load makes of files of other kinds; a pickle is refused by ValueError.
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise NotAnArtefact(str(error)) from error
    return Artefact(kind=kind, header=header, arrays=arrays)
