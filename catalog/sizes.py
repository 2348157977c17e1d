"""How much is in a pack: "6x330 ml", "12 PK/12 OZ", "1 lb 9 oz". Pure.

Labels are read, not trusted: what is not understood is None, never a guess. A bare
ounce is a weight; "fl oz" is a volume, and `liquid` makes the bare one so too.
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from math import gcd

ML, G, PC, CM, CM2 = "ml", "g", "pc", "cm", "cm2"
OUNCE = Decimal("28.349523125")
FLUID_OUNCE = Decimal("29.5735295625")
_UNITS: tuple[tuple[str, str, str], ...] = (
    ("ml milliliter milliliters millilitre millilitres 毫升", ML, "1"),
    ("cl", ML, "10"),
    ("dl", ML, "100"),
    ("l lt ltr ltrs liter liters litre litres 升", ML, "1000"),
    ("floz", ML, str(FLUID_OUNCE)),
    ("gal gl ga gallon gallons", ML, "3785.411784"),
    ("qt quart quarts", ML, "946.352946"),
    ("pt pint pints", ML, "473.176473"),
    ("mg 毫克", G, "0.001"),
    ("g gr gm gms gram grams gramm 克", G, "1"),
    ("kg kgs kilo kilogram kilograms 千克 公斤", G, "1000"),
    ("斤", G, "500"),
    ("oz z ozs ounce ounces", G, str(OUNCE)),
    ("lb lbs pound pounds", G, "453.59237"),
    ("mm", CM, "0.1"),
    ("cm", CM, "1"),
    ("in inch inches", CM, "2.54"),
    ("ft foot feet", CM, "30.48"),
    ("yd yds yard yards", CM, "91.44"),
    ("sqft", CM2, "929.0304"),
    ("m2 qm", CM2, "10000"),
    ("ct cnt count pc pcs piece pieces each ea st stk stück 片 个 枚 粒", PC, "1"),
    ("sheets sheet rolls roll tabs tablets caps capsules loads load", PC, "1"),
    ("dz dozen doz", PC, "12"),
)
UNITS = {
    word: (base, Decimal(factor))
    for words, base, factor in _UNITS
    for word in words.split()
}
PACKS = frozenset(
    [
        "pk",
        "pks",
        "pack",
        "packs",
        "pak",
        "er",
        "包",
        "袋",
        "瓶",
        "罐",
        "盒",
        "bottles",
        "cans",
    ]
)
"""Words that count packs: a number before one multiplies what else is there."""
SMALL = frozenset(["ml", "g", "gr", "mg", "ct", "cnt", "count", "pc", "pcs"])
"""In these, a comma before three digits parts thousands: 1,000 g."""
_NUMBER = r"\d+[ -]+\d+/\d+|\d+/\d+|\d+(?:[.,]\d+)?|\.\d+"
_WORDS = "|".join(sorted(map(re.escape, UNITS | dict.fromkeys(PACKS)), key=len)[::-1])
# As 6x330 ml, 12/8 oz, 8 oz x 12; a unit is not the beginning of a longer word.
_PART = re.compile(
    rf"(?<![\w.])(?:(?P<times>\d+)\s*(?:[x×*]|/(?=\s*(?:\d*\.)?\d))\s*)?"
    rf"(?P<number>{_NUMBER})\s*-?\s*(?P<unit>{_WORDS})(?![a-z\u00df-\u00ff])"
    rf"(?:\s*[x×*]\s*(?P<after>\d+)(?![\d.,]*\s*\w))?"
)
_FLUID = re.compile(r"\bfl(?:uid)?\.?\s*(?:oz|ounces?)\b\.?")
_SQUARE = re.compile(r"\bsq\.?\s*ft\b")
_SIDES = re.compile(r"\d\s*[x×]\s*\d+[^a-z]*(?:in|ft|cm|mm|yd)\b")
MOST = Decimal(10) ** 9


@dataclass(frozen=True, kw_only=True)
class Size:
    """The content of a whole pack in ml, g, pc, cm or cm2, and the packs within it."""

    amount: Decimal
    unit: str
    packs: int = 1


def parsed(text: str, *, liquid: bool = False) -> Size | None:
    """Return what a label says is in a pack; None where it says nothing clear.

    "8 CT/16 OZ" are 16 oz in eight pieces; "8 PK/16 OZ" are eight times 16 oz.
    """
    if _SIDES.search(text.lower()):  # of a cloth or a board: no one number
        return None
    found = [one for one in _read(text) if one is not None]
    packs = 1
    for one in found:
        packs *= one.packs
    by = {
        # 1 lb 9 oz are two parts of one content.
        unit: sum((o.amount for o in found if o.unit == unit), Decimal(0))
        for unit in (ML, G, CM2, CM, PC)
    }
    unit = next((unit for unit in by if by[unit] > 0), None)
    if unit is None:
        return Size(amount=Decimal(packs), unit=PC, packs=packs) if packs > 1 else None
    amount = by[unit] * packs
    size = Size(amount=amount, unit=unit, packs=packs)
    if not 0 < amount < MOST:
        return None
    return fluid(size) if liquid and unit == G and _bare_ounce(text) else size


def fluid(size: Size) -> Size:
    """Return the volume that was meant where an ounce was taken for a weight."""
    return replace(size, amount=size.amount / OUNCE * FLUID_OUNCE, unit=ML)


ROUNDED = Decimal("0.6"), Decimal("0.005")
"""Labels are rounded: so many g or ml, or this share, make no other size."""


def same(one: str, other: str) -> bool | None:
    """Say whether two labels mean the same content; None where that is not clear.

    A bare ounce may be a weight or a volume. One says nothing, or one alone says that
    it is several packs: then it is not clear.
    """
    readings = [
        [size for liquid in (False, True) if (size := parsed(text, liquid=liquid))]
        for text in (one, other)
    ]
    if not all(readings):
        return None
    alike = any(_near(a, b) for a in readings[0] for b in readings[1])
    packs = {readings[0][0].packs, readings[1][0].packs}
    if not alike or len(packs) == 1:
        return alike
    return None if 1 in packs else False


def _near(one: Size, other: Size) -> bool:
    absolute, share = ROUNDED
    most = max(share * max(one.amount, other.amount), _grain(one.unit) * absolute)
    return one.unit == other.unit and abs(one.amount - other.amount) <= most


def _grain(unit: str) -> int:
    return 1 if unit in (G, ML) else 0


def without(name: str) -> str:
    """Return a product's name without the sizes that stand in it."""
    return " ".join(_PART.sub(" ", _plain(name)).split())


def pieces(name: str) -> list[tuple[str, Size | None]]:
    """Return a name's words; a size that stands in it is one, with what it means."""
    found: list[tuple[str, Size | None]] = []
    small, at = name.lower(), 0
    name = name if len(name) == len(small) else small  # İ becomes two letters
    for part in _PART.finditer(small):
        found += [(word, None) for word in name[at : part.start()].split()]
        found.append((name[part.start() : part.end()], _one(part)))
        at = part.end()
    return found + [(word, None) for word in name[at:].split()]


def _plain(text: str) -> str:
    # Units of two words as one: else their second word would be read alone.
    return _SQUARE.sub("sqft", _FLUID.sub("floz", text.lower()))


def _bare_ounce(text: str) -> bool:
    return any(
        part["unit"] in ("oz", "z", "ozs", "ounce", "ounces")
        for part in _PART.finditer(_plain(text))
    )


def _read(text: str) -> list[Size | None]:
    return [_one(part) for part in _PART.finditer(_plain(text))]


def _one(part: re.Match[str]) -> Size | None:
    times, number, unit = part["times"], part["number"], part["unit"]
    packs = int(part["after"] or 1)
    value: Decimal | None
    if times and "/" in part[0][: part.start("number") - part.start()]:
        value, packs = _slash(times, number, unit, packs)
    else:
        value, packs = _value(number, unit), packs * int(times or 1)
    if value is None or packs < 1:
        return None
    if unit in PACKS:
        whole = value == value.to_integral_value() and 0 < value < 10_000
        return Size(amount=Decimal(0), unit=PC, packs=int(value)) if whole else None
    base, factor = UNITS[unit]
    return Size(amount=value * factor, unit=base, packs=packs)


def _slash(
    times: str, number: str, unit: str, packs: int
) -> tuple[Decimal | None, int]:
    """Read 1/2 gal as a half and 12/8 oz as twelve of eight."""
    top, bottom = int(times), _value(number, unit)
    if bottom in (2, 3, 4, 8, 16) and 0 < top < bottom and gcd(top, int(bottom)) == 1:
        return Decimal(top) / bottom, packs
    return bottom, packs * top


def _value(number: str, unit: str) -> Decimal | None:
    whole, _, rest = number.replace("-", " ").rpartition(" ")
    if "/" in rest:
        top, bottom = map(int, rest.split("/"))
        if not bottom:
            return None
        return Decimal(whole.strip() or 0) + Decimal(top) / bottom
    head, comma, tail = number.partition(",")
    # 0,500 is a half.
    if comma and len(tail) == 3 and unit in SMALL and head != "0":
        return Decimal(head + tail)
    return Decimal(number.replace(",", "."))
