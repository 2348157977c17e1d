"""What a killed training had already made, for the next one on the same rows.

Each finished candidate is kept in a file of plain arrays, named by all that made it:
the rows it learnt from, the code, the learner and the seed. So a training that is asked
for again, with not one of these changed, fits only what was missing. A training that
ends well deletes its files; registry.prune those that nobody came back for.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import sklearn
from django.conf import settings

from ml import features, model_files, provenance, registry
from ml.artefacts import Artefact, NotAnArtefact, pack, unpack
from ml.contest import Entrant, Foretold
from ml.splits import Splits

KIND = "entrant"
SERVED = "served."


def data(parts: Splits, categories: Sequence[str]) -> str:
    """Return the checksum of what is learnt from.

    Without the customers' codes, which move with every new customer: who is learnt
    from comes in the same order as before.
    """
    plan = [moment.isoformat() for moment in (*parts.plan.cuts, parts.plan.as_of)]
    told = [plan, list(categories), features.FEATURES_VERSION, sklearn.__version__]
    # scikit-learn's version too: another one may fit otherwise.
    digest = hashlib.sha256(json.dumps([*told, provenance.code()]).encode())
    for part in parts.rows.values():
        digest.update(part.x[:, 1:].tobytes())
        digest.update(part.y.tobytes())
    return digest.hexdigest()


def name(known: str, candidate: str, *, seed: int) -> str:
    """Name a candidate's file; `known` is what `data` returned."""
    return f"{known}-{candidate}-{seed}"


def keep(one: str, entrant: Entrant) -> None:
    """Write a finished candidate down, whole or not at all."""
    served = {SERVED + name: values for name, values in entrant.arrays.items()}
    told = {
        f"{what}.{number}": getattr(cut, what)
        for number, cut in enumerate(entrant.cuts)
        for what in ("raw", "chance")
    }
    header = {
        "settings": dict(entrant.settings),
        "seconds": entrant.seconds,
        "score_seconds": entrant.score_seconds,
        "metrics": entrant.metrics,
    }
    artefact = Artefact(kind=KIND, header=header, arrays={**served, **told})
    # Chances do not compress: trying took 0.4 CPU s.
    model_files.write(_path(one), pack(artefact, small=False))


def find(one: str, parts: Splits) -> Entrant | None:
    """Read a candidate back, None if it is not there or no file of ours."""
    try:
        read = unpack(_path(one).read_bytes())
    except (FileNotFoundError, NotAnArtefact):
        return None
    # The rows themselves are not kept: `name` says that they are the same.
    cuts = [
        Foretold(
            part=parts.rows[cut],
            raw=read.arrays[f"raw.{number}"],
            chance=read.arrays[f"chance.{number}"],
        )
        for number, cut in enumerate(parts.plan.rolling[1:])
    ]
    served = {
        name.removeprefix(SERVED): values
        for name, values in read.arrays.items()
        if name.startswith(SERVED)
    }
    return Entrant(arrays=served, cuts=tuple(cuts), **read.header)


def forget(known: str) -> None:
    """Delete the files of a training that has ended well."""
    for file in _path("").parent.glob(f"{known}-*"):
        file.unlink(missing_ok=True)


def _path(one: str) -> Path:
    return Path(settings.MODELS_DIR) / registry.UNFINISHED / f"{one}.npz"
