"""Take a JSON text apart without believing in it, so that one bad item harms no other.

Only used after the real parser has refused the whole: it finds where items begin and
end, and says nothing about what is in them.
"""

import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)
OPEN, CLOSE = b"{[", b"}]"


def items(body: bytes, name: str) -> list[bytes] | None:
    """Return the items of the top object's array `name`; None: it has no whole one."""
    depth, name_seen, wanted = 0, b"", f'"{name}"'.encode()
    for token in _TOKEN.finditer(body):
        text = token.group()
        if text == b"[" and depth == 1 and name_seen == wanted:
            return _items(body, token.end())
        depth += (text in OPEN) - (text in CLOSE)
        if text != b":":
            name_seen = text
    return None


def is_object(body: bytes) -> bool:
    """Say whether the text is one closed object, whatever is in it."""
    if not body.strip().startswith(b"{"):
        return False
    depth = 0
    for token in _TOKEN.finditer(body):
        text = token.group()
        depth += (text in OPEN) - (text in CLOSE)
        if depth == 0:
            return not body[token.end() :].strip()
    return False


def _items(body: bytes, start: int) -> list[bytes] | None:
    depth, found = 0, []
    for token in _TOKEN.finditer(body, start):
        text = token.group()
        if depth == 0 and text in b",]":
            found.append(body[start : token.start()].strip())
            start = token.end()
            if text == b"]":
                return found if any(found) else []
        elif text in OPEN:
            depth += 1
        elif text in CLOSE:
            depth -= 1
    return None
