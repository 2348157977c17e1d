"""What a customer's text names: language, codes, orders, money; and its clauses. Pure.

By rules, since what is named must be found exactly or not at all. Nothing found here is
believed: a code is looked up, an order must be the customer's own.
"""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Language = Literal["en", "zh-hans"]
HAN = re.compile(r"[\u3400-\u9fff]")
LETTER = re.compile(r"[A-Za-z]")
# As long as codes may be, 64 (Code.text), or one letter or digit.
TOKEN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{2,62}[A-Za-z0-9])?")
# A look-ahead, so that pairs may overlap: a word may begin one and end another.
TWO = re.compile(r"(?=\b([A-Za-z]{3,})[ -]([A-Za-z0-9]{2,}|\d)\b)")
MOST_PAIRS = 5
"""Of a text: whoever writes codes in two words writes few, whoever tries codes many."""
INTRODUCED = re.compile(
    r"(?:\b(?:codes?)\b|优惠码|折扣码|兑换码|优惠券|代金券|券|码)"
    r"(?:\s+(?:is|called|named|number|nr|no)\b|是|叫)?[\s:：\"“'‘#]*"
    r"([A-Za-z0-9][A-Za-z0-9_-]{2,62}[A-Za-z0-9])",
    re.IGNORECASE,
)
ORDER = re.compile(
    r"(?:\border(?:\s+(?:number|no\.?|nr\.?|id))?|订单号?|单号)\s*[#:：]?\s*"
    r"([A-Za-z0-9][A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*)",
    re.IGNORECASE,
)
MONEY = re.compile(
    r"(?:[$€£¥￥]\s*(\d+(?:[.,]\d{1,2})?))|"
    r"(?:(\d+(?:[.,]\d{1,2})?)\s*(?:dollars?|usd|eur|euros?|bucks|元|块|美元|刀))",
    re.IGNORECASE,
)
# Chinese has no spaces between words: one between two Han letters is a stop.
STOP = re.compile(
    r"[.!?;。！？；\n]+|(?:^|\s)\d\)\s|\s\+\s|\s[–—-]\s|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])"
)
PAUSE = re.compile(
    r"\s*(?:[,，、]\s*)?(?:\b(?:and also|and|also|plus|besides|as well as|btw"
    r"|by the way)\b|还有|另外|以及|而且|顺便问一下|顺便|再问一下|同时还想问)\s*|[,，]",
    re.IGNORECASE,
)
ASKS = re.compile(
    r"^(?:\W|\b(?:so|ok|okay|hi|hello|hey|then|but|and|or|if so)\b)*"
    r"(?:can|could|do|does|did|is|are|am|was|were|will|would|should|may|have|has|any)\b|"
    r"\b(?:what|when|where|why|how|which|who|whose|until|til|till)\b|\?|"
    r"[吗么呢几啥哪咋？]|怎|多少|为何|能不能|可不可以|可以不|是不是|有没有|行不行|不[?？]?$",
    re.IGNORECASE,
)
"""How questions look in either language, with or without a question mark."""
SHORTEST = {"en": 3, "zh-hans": 4}
"""Words, or Han letters, of a clause that can be a question of its own."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a text names, in the order in which it does."""

    codes: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    money: tuple[Decimal, ...] = ()


MARKUP = re.compile(r"<script.*?</script>|<[^>]*>|https?://\S+", re.IGNORECASE)


def language(text: str) -> Language | None:
    """Return a text's language by its script; None where it has no letters."""
    # Tags and links are of Latin letters in any language.
    text = MARKUP.sub(" ", text)
    han, latin = len(HAN.findall(text)), len(LETTER.findall(text))
    if not han and not latin:
        return None
    return "zh-hans" if 4 * han >= latin else "en"


def tokens(text: str) -> list[str]:
    """Return what may be the name of something."""
    return TOKEN.findall(text)


def split(text: str) -> dict[str, str]:
    """Return what may be a code in two words, as it is written: by its one word.

    Those with a digit first: most codes have one, and most pairs of words do not.
    """
    pairs = [
        (text[one.start(1) : one.end(2)], one[1] + one[2]) for one in TWO.finditer(text)
    ]
    pairs.sort(key=lambda pair: pair[1].isalpha())
    return {joined: written for written, joined in pairs[:MOST_PAIRS]}


def strange(text: str, words: Container[str]) -> list[str]:
    """Return words that are none of the language: where codes are spoken of, codes."""
    found = [one for one in TOKEN.findall(text) if one.isalpha() and len(one) >= 5]
    return [one for one in found if one.lower() not in words]


def named(text: str, words: Container[str] = (), orders: Container[str] = ()) -> Named:
    """Find what a text names; `words` are words of the language, which are no codes.

    `orders` are known to be orders, however they look.
    """
    mine = [one for one in TOKEN.findall(text) if one in orders]
    orders = tuple(dict.fromkeys([*mine, *ORDER.findall(text)]))
    codes = [one for one in _codes(text, words) if one not in orders]
    amounts = (left or right for left, right in MONEY.findall(text))
    money = tuple(Decimal(one.replace(",", ".")) for one in amounts)
    return Named(codes=tuple(dict.fromkeys(codes)), orders=orders, money=money)


def _codes(text: str, words: Container[str]) -> list[str]:
    """A code mixes letters and digits, shouts, or comes where one is spoken of."""
    # In a text that shouts as a whole, a word in capitals is no code for that.
    quiet = sum(map(str.islower, text)) > 2 or HAN.search(text) is not None
    spoken = set(INTRODUCED.findall(text))
    found = []
    for one in TOKEN.findall(text):
        digits, letters = any(map(str.isdigit, one)), any(map(str.isalpha, one))
        known = one.lower() in words or one.lower().rstrip("s") in words
        if digits and letters and len(one) >= 4 and not ORDINAL.fullmatch(one):
            found.append(one)
        elif len(one) < 4 or not letters or known:
            continue
        elif (one.isupper() and quiet) or one in spoken:
            found.append(one)
    return found


# They mix digits and letters like codes.
ORDINAL = re.compile(
    r"\d+(?:st|nd|rd|th|am|pm|usd|eur|percent|days?|pcs|kg|ml|g|x)", re.I
)


def masked(text: str, found: Named) -> str:
    """Say "code" for codes, nothing for orders: how they are called tells nothing."""
    han = HAN.search(text) is not None
    # The longest first: one code may be the beginning of another.
    for one in sorted(found.codes, key=len, reverse=True):
        text = re.sub(
            rf"[\"“”'‘’]?{re.escape(one)}[\"“”'‘’]?",
            "优惠码" if han else " code ",
            text,
        )
    for one in found.orders:
        text = text.replace(one, "" if han else " ")
    # "the code SAVE10" has become "the code code".
    text = re.sub(r"\b(code|coupon|voucher)\s+code\b", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"(优惠码|折扣码|券|码)\s*优惠码", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


AND = re.compile(r"([A-Z0-9-]{4,})\s*(?:,|\band\b|和|、)\s*(?=[A-Z0-9-]{4,})")
"""Between two codes, which belong to one question."""
# After "as" and "am" a name has its capital: else who says how they feel would be
# taken for somebody else.
SOMEBODY = re.compile(
    r"\b(?:does|did|has|is)\s+([A-Za-z]+)\s+"
    r"(?=have|get|got|buy|bought|order|use|pay|paid|save|spend)"
    r"(?!.*\b(?:better|cheaper|lower|prices?)\b)|"
    r"\b(?:customer|user|client|account)\s+([A-Za-z]+)\b(?!')|"
    r"\b(?:as|am)\s+((?-i:[A-Z][a-z]+))\b(?!')"
    r"(?=.*\b(?:my|show|tell|give|what|which|list)\b)|"
    r"\b([A-Za-z]+)['’]s\b|([A-Za-z]+)\s*(?=有什么|有哪些|有没有|买|用了|的|账)",
    re.IGNORECASE,
)


def disguised(text: str, words: Container[str]) -> str:
    """Say "another customer" for what stands where a name would, and is no word."""
    han = HAN.search(text) is not None

    def said(found: re.Match[str]) -> str:
        name = next(filter(None, found.groups()), "")
        if len(name) < 3 or name.lower() in words or name.lower() + "s" in words:
            return found[0]
        other = "别的客户" if han else "another customer"
        return found[0].replace(name, other)

    return SOMEBODY.sub(said, text)


def says(text: str) -> bool:
    """Say whether a text has anything in it: a letter, a digit or a picture."""
    return any(one.isalnum() or unicodedata.category(one) == "So" for one in text)


def asks(text: str) -> bool:
    """Say whether a text looks like a question."""
    return ASKS.search(text) is not None


def clauses(text: str) -> list[str]:
    """Split a text where another question may begin; a short piece joins another.

    One of few words is no question of its own, as in "tea, milk and bread".
    """
    found: list[str] = []
    for sentence in STOP.split(AND.sub(r"\1 & ", text)):
        pieces = [one.strip() for one in PAUSE.split(sentence) if one and one.strip()]
        start = len(found)
        for piece in pieces:
            if len(found) > start and (_short(piece) or _short(found[-1])):
                found[-1] = f"{found[-1]} {piece}"
            else:
                found.append(piece)
    return found


def _short(text: str) -> bool:
    han = len(HAN.findall(text))
    if han:
        return han < SHORTEST["zh-hans"]
    return len(text.split()) < SHORTEST["en"]
