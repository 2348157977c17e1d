"""Does a rephrased answer say what the answer says, and nothing else? Pure.

Whatever a language model wrote is believed in nothing. Every number, day, amount, code,
name, address and link of it must be in the answer, and every one of the answer in it;
words that promise, limit or deny must be the same on both sides. What differs is not
served. So a model can make an answer smoother, and cannot add a fact or drop one.
"""

import re
import unicodedata

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
KNOWN = re.compile(r"[A-Za-z\u00c0-\u00ff\u3400-\u9fff]")
LINK = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\S+|<[^>]*>|\[[^\]]*\]\(")
QUOTED = re.compile(r"[“\"「『(（]([^”\"」』)）]+)[”\"」』)）]")
WORD = re.compile(r"[a-z']+|[\u3400-\u9fff]")
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
COUNTED = frozenset(
    [
        *MONTHS,
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
        *("sunday", "today", "tomorrow", "yesterday", "week", "month", "midnight"),
        *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        *("ten", "eleven", "twelve", "twenty", "thirty", "fifty", "hundred"),
        *("thousand", "half", "double", "twice", "dozen", "percent", "dollars"),
        *("free", "gift", "discount", "refund", "guarantee", "guaranteed", "always"),
        *("expired", "ended", "valid", "invalid", "cancelled", "alone", "together"),
        *("only", "every", "all", "any", "everybody", "never", "no", "not", "none"),
        *("cannot", "can't", "don't", "doesn't", "isn't", "won't", "without"),
        *("unable", "until", "before", "after", "from", "since", "except", "unless"),
        *("missing", "more", "less", "least", "most", "off", "back", "again"),
    ]
)
"""Words whose adding or dropping may change a fact."""
DENIES = frozenset("不没无未非否禁限勿莫免送退半两双倍全只仅必")
HAN_NUMBERS = frozenset("一二三四五六七八九十百千万亿〇零")
LONGEST = 1.5
"""Times as long as the answer, at most."""
ALLOWED = frozenset(
    [
        *("i", "hello", "hi", "dear", "please", "you", "your", "the", "this", "these"),
        *("that", "here", "it", "in", "for", "with", "on", "at", "of", "to", "we"),
        *("and", "thanks", "thank", "good", "great", "sure", "certainly", "right"),
        *("currently", "now", "also", "as", "our", "they", "so", "yes", "a", "an"),
    ]
)
"""Words that may begin a sentence though the answer has them not."""


def faithful(answer: str, other: str) -> bool:
    """Say whether `other` has the facts of `answer`, and no other ones."""
    one, two = _plain(answer), _plain(other)
    if not two or len(two) > LONGEST * len(one) + 40 or not _visible(other):
        return False
    same = (
        _numbers(one) == _numbers(two)
        and _codes(one) == _codes(two)
        and set(LINK.findall(one)) == set(LINK.findall(two))
        and _counted(one) == _counted(two)
        and set(QUOTED.findall(one)) == set(QUOTED.findall(two))
        and _han(one) == _han(two)
    )
    return same and _names(two) <= _said(one) and _in_order(one, two)


def _plain(text: str) -> str:
    # NFKC: digits and letters of full width, usual in Chinese texts, become plain ones.
    return unicodedata.normalize("NFKC", text).replace("’", "'").strip()


def _visible(text: str) -> bool:
    """No letters that hide: they may carry what nobody sees."""
    return not any(unicodedata.category(one) in ("Cf", "Co", "Cn") for one in text)


def _numbers(text: str) -> list[str]:
    return sorted(NUMBER.findall(text))


def _codes(text: str) -> set[str]:
    """Tokens with digits and letters, or of capitals alone."""
    return {
        one
        for one in TOKEN.findall(text)
        if (one.isupper() and len(one) > 1) or not (one.isalpha() or one.isdigit())
    }


def _counted(text: str) -> list[str]:
    return sorted(word for word in WORD.findall(text.lower()) if word in COUNTED)


def _han(text: str) -> list[str]:
    """Chinese has no spaces: its denials and numbers are counted by letter."""
    return sorted(one for one in text if one in DENIES or one in HAN_NUMBERS)


def _names(text: str) -> set[str]:
    """Words with a capital that the language does not ask for, and any odd script."""
    names = {
        found[0].lower()
        for found in re.finditer(r"[A-Z][A-Za-z]+", text)
        if found[0].lower() not in ALLOWED
    }
    return names | {one for one in text if one.isalpha() and not KNOWN.match(one)}


def _said(text: str) -> set[str]:
    # Characters too: `_names` gives odd scripts letter by letter.
    return {*re.findall(r"[a-z]+", text.lower()), *text}


def _in_order(one: str, two: str) -> bool:
    """Numbers keep their order, and what stands between two of them stays there.

    Else two offers could change their days.
    """
    if NUMBER.findall(one) != NUMBER.findall(two):
        return False
    mine, theirs = _between(one), _between(two)
    return all(
        theirs[word] <= places
        for word, places in mine.items()
        # A word that stands in several places may be said once less.
        if len(places) == 1 and word in theirs and word not in ALLOWED
    )


def _between(text: str) -> dict[str, set[int]]:
    """Where words stand: before the first number, the second …"""
    places: dict[str, set[int]] = {}
    for place, piece in enumerate(NUMBER.split(text.lower())):
        for word in WORD.findall(piece):
            places.setdefault(word, set()).add(place)
    return places
