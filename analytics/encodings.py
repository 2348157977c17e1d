"""How a text file is encoded: seen from its first bytes, or not known. Pure."""

import codecs

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
HIGH = 0x80
BOTH_FROM = 0xA1
"""In GB2312 (and its heir GB18030) both bytes of a character are at least this."""


def guess(head: bytes, *, whole: bool = True) -> str | None:
    """Return the encoding; None if it is none of those that can be told apart.

    Unless it is the `whole` text, the last character may be cut.

    UTF-8 and UTF-16 by their marks, UTF-8 by its shape, Chinese GB18030 where every
    high byte has a high neighbour: Western code pages have theirs one by one.
    """
    for mark, name in BOMS.items():
        if head.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, whole)
    except UnicodeDecodeError:
        return "gb18030" if _in_pairs(head) else None
    return "utf-8-sig"


def _in_pairs(head: bytes) -> bool:
    place = 0
    while place < len(head):
        if head[place] < HIGH:
            place += 1
            continue
        pair = head[place : place + 2]
        if len(pair) == 2 and min(pair) < BOTH_FROM:
            return False
        place += 2
    return True
