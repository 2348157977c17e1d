"""How codes are written: their plain form, and how long a random one must be.

Guessing must be hopeless: of all texts of a prefix and length, at most one in
`ODDS` may be a code, and there are never fewer than `SHORTEST` random characters, which
are 39 bits. NIST SP 800-63B (5.1.2) asks for a throttle below 64 bits, and there is one
(promotions.guessing). Noise comes in as an argument.
"""

import hashlib
import unicodedata

from analytics.wording import Wording

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without 0 and O, 1, I and L, which people mix up."""
ODDS = 10_000_000
SHORTEST = 8
LONGEST = 64
SHORTEST_GIVEN = 4
LONGEST_PREFIX = 20
# 248: bytes beyond are thrown away, else the first 8 letters would come more often.
_FAIR = 256 - 256 % len(ALPHABET)
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


def plain(text: str) -> str:
    """Return a code as it is hashed: people type them in many ways."""
    # Some texts want a second turn: an accent joins a letter once a hyphen is gone.
    while (usual := _usual(text)) != text:
        text = usual
    return text


def _usual(text: str) -> str:
    bare = "".join(unicodedata.normalize("NFKC", text).split())
    return unicodedata.normalize("NFKC", bare.replace("-", "").upper())


def digest(text: str) -> bytes:
    """Return the SHA-256 of a code's plain form."""
    # Half a surrogate pair can come in JSON, and must find nothing rather than fail.
    return hashlib.sha256(plain(text).encode(errors="replace")).digest()


def letters(noise: bytes) -> str:
    """Return the random characters in noise: 31 bytes of 32 give one, all alike."""
    return noise.translate(_LETTERS, _UNFAIR).decode()


def needed(number: int) -> int:
    """Return how many random characters so many codes need."""
    length = SHORTEST
    while len(ALPHABET) ** length < number * ODDS:
        length += 1
    return length


def prefix_fault(prefix: str) -> str | None:
    """Say what is wrong with a prefix, if anything."""
    usual = prefix.replace("-", "")
    if len(prefix) > LONGEST_PREFIX:
        return Wording("A prefix has at most %(most)s characters.", most=LONGEST_PREFIX)
    if usual and not (usual.isascii() and usual.isalnum() and usual == usual.upper()):
        return Wording("A prefix is of the letters A to Z, digits and hyphens.")
    return None


def fault(text: str) -> str | None:
    """Say what is wrong with a code that somebody chose, if anything."""
    if len(text) > LONGEST:
        return f"A code has at most {LONGEST} characters."
    # U+FFFD stands where a file was read in another encoding: nobody can type it.
    if not text.isprintable() or "\ufffd" in text:
        return "A code has no control characters, and none that cannot be read."
    if len(plain(text)) < SHORTEST_GIVEN:
        return (
            f"A code has at least {SHORTEST_GIVEN} characters, not counting spaces"
            " and hyphens."
        )
    return None
