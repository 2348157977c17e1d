"""Which code trained a model: a checksum over the sources of the learning app."""

import hashlib
from functools import cache
from pathlib import Path


@cache
def code() -> str:
    """Return the SHA-256 of all modules of ml/; it changes with any of them."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()
