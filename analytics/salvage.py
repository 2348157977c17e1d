"""Take a JSON text apart without believing in it, so that one bad item harms no other.

Only used after the real parser has refused the whole: it finds where members and items
begin and end, and says nothing about what is in them.
"""

import re
from collections.abc import Iterator

# Possessive, and with an end that may be missing: else each quote of a text that never
# ends is tried to its end, and 48 KB take seconds.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]', re.DOTALL)
OPEN, CLOSE = b"{[", b"}]"


def members(body: bytes) -> dict[bytes, bytes] | None:
    """Return the top object's members, name -> value; None if it is not closed."""
    text = body.strip()
    parts = _parts(text, b"{")
    if parts is None:
        return None
    found = {}
    for part in parts:
        name = _TOKEN.match(part)
        if name and name.group()[:1] == b'"':
            value = part[name.end() :].lstrip().removeprefix(b":")
            found[name.group()[1:-1]] = value.strip()
    return found


def items(body: bytes, name: str) -> list[bytes] | None:
    """Return the items of the top object's array `name`; None: it has no whole one."""
    value = (members(body) or {}).get(name.encode(), b"")
    return _parts(value, b"[")


def _parts(text: bytes, opening: bytes) -> list[bytes] | None:
    """Return what stands between the commas of an object or array that fills it."""
    if text[:1] != opening:
        return None
    depth, start, found = 0, 1, []
    for end, sign in _signs(text):
        # Commas further inside part nothing here.
        if depth == 1 and sign in b",]}":
            found.append(text[start:end].strip())
            start = end + 1
        depth += (sign in OPEN) - (sign in CLOSE)
        if depth == 0:
            # With something after its end it is no whole value.
            whole = not text[end + 1 :].strip()
            return [part for part in found if part] if whole else None
    return None


def _signs(text: bytes) -> Iterator[tuple[int, bytes]]:
    for token in _TOKEN.finditer(text):
        if token.group()[:1] not in b'":':
            yield token.start(), token.group()
