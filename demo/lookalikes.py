"""A labelled set for matching: the demo's catalogue as another shop would write it.

The Complete Journey names makers by number and has many products of one type and size.
So each maker gets an invented brand, and what differs in nothing else gets a flavour,
scent or colour: those, and the catalogue's own sizes, are the hard negatives. Some
products are kept out of ours, mostly beside siblings that stay: the right answer for
them is "none of yours". Same seed, same set.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import polars as pl

from catalog import sizes


def _listed(words: str) -> list[str]:
    return words.split()


FLAVOURS = _listed(
    "strawberry cherry vanilla chocolate lemon lime orange peach mango blueberry "
    "raspberry coconut caramel hazelnut almond banana apple grape pineapple mint "
    "honey cinnamon ginger garlic onion cheddar ranch barbecue jalapeno smoked "
    "original classic light organic unsalted spicy mild sweet sour creamy crunchy "
    "wholegrain decaf dark white zero diet natural"
)
SHADES = _listed(
    "red blue green black white pink silver gold purple ivory navy rose lavender "
    "jasmine ocean fresh aloe citrus sensitive extra ultra soft strong clear large "
    "small medium slim matte gloss"
)
FOOD = {"GROCERY", "MEAT-PCKGD", "DELI", "NUTRITION", "PASTRY", "PRODUCE", "FROZEN"}
SHORT = {
    "strawberry": "strwbry",
    "chocolate": "choc",
    "vanilla": "van",
    "frozen": "frzn",
    "organic": "org",
    "original": "orig",
    "vegetables": "veg",
    "chicken": "chkn",
    "with": "w/",
    "barbecue": "bbq",
    "raspberry": "raspb",
    "cheddar": "ched",
}
PRAISE = ("new", "value", "great taste", "best", "quality", "family", "premium", "deal")
SYLLABLES = _listed(
    "ba be bo da del do fa fen ga gor ha hol ka kin la lor ma mel mi na nor pa per ra "
    "ri ros sa sel ta tor va vel vi wen zan"
)
MOST_OF_A_KIND = 30


@dataclass(frozen=True, kw_only=True)
class Good:
    """A product as a shop lists it; `key` is the product's in the data set."""

    key: str
    name: str
    brand: str
    size: str
    variant: str = ""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Our products; theirs; and which of ours each of theirs is, None for none."""

    ours: Sequence[Good]
    theirs: Sequence[Good]
    truth: Sequence[str | None]


def labelled(
    folder: Path, *, seed: int, kinds: int = 700, gone: float = 0.35
) -> Labelled:
    """Return a set of `kinds` makers' product types; the share `gone` is not ours.

    The first half of kinds (by a hash) is for tuning where the seed is even, the other
    half where it is odd: nothing that is measured was tuned on.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation
    families = [f for f in _families(folder) if _half(f[0].key) == seed % 2]
    chosen = chance.sample(families, min(kinds, len(families)))
    ours: list[Good] = []
    theirs: list[Good] = []
    truth: list[str | None] = []
    for family in chosen:
        for good in family:
            away = chance.random() < gone
            if not away:
                ours.append(good)
            if away or chance.random() < 0.5:
                theirs.append(told(good, chance))
                truth.append(None if away else good.key)
    return Labelled(ours=ours, theirs=theirs, truth=truth)


def _half(key: str) -> int:
    # Knuth's multiplicative hash, 2³² over the golden ratio; its highest bit.
    return int(key) * 2_654_435_761 % 2**32 >> 31


def _families(folder: Path) -> list[list[Good]]:
    """Return makers' product types: each a list of sizes and flavours."""
    table = pl.read_parquet(folder / "products.parquet").filter(
        (pl.col("brand") == "National") & pl.col("product_type").is_not_null()
    )
    kinds: dict[tuple[int, str], list[Mapping[str, object]]] = defaultdict(list)
    for row in table.sort("product_id").iter_rows(named=True):
        kinds[row["manufacturer_id"], row["product_type"]].append(row)
    return [
        list(_named(rows))
        for rows in kinds.values()
        if 2 <= len(rows) <= MOST_OF_A_KIND and _has_sizes(rows)
    ]


def _has_sizes(rows: Sequence[Mapping[str, object]]) -> bool:
    read = [sizes.parsed(str(row["package_size"] or "")) for row in rows]
    return sum(one is not None for one in read) > len(rows) / 2


def _named(rows: Sequence[Mapping[str, object]]) -> Iterator[Good]:
    of_size: dict[str, int] = defaultdict(int)
    for row in rows:
        size = str(row["package_size"] or "")
        content = _content(size)
        number = of_size[content]
        of_size[content] += 1
        words = FLAVOURS if row["department"] in FOOD else SHADES
        start = int(str(row["manufacturer_id"])) * 7
        variant = words[(start + number) % len(words)]
        # More of one maker, type and size than there are words: a second one tells them
        # apart.
        if number >= len(words):
            variant += " " + words[(start + number * 5 + 3) % len(words)]
        kind = re.sub(r"[^a-z0-9&]+", " ", str(row["product_type"]).lower()).strip()
        yield Good(
            key=str(row["product_id"]),
            name=f"{kind} {variant}".title(),
            brand=brand(int(str(row["manufacturer_id"]))),
            size=size,
            variant=variant,
        )


def _content(text: str) -> str:
    """Return what a label says but for its spelling: "1 LB" and "16 OZ NR" are one."""
    size = sizes.parsed(text)
    return f"{size.amount:.0f} {size.unit}" if size else text


def brand(maker: int) -> str:
    """Return a maker's invented name."""
    chance = random.Random(maker)  # noqa: S311
    name = "".join(chance.choice(SYLLABLES) for _ in range(chance.choice((2, 3, 3))))
    return name.title()


def told(good: Good, chance: random.Random) -> Good:
    """Write a product as another shop's page may: shortened, turned round, misspelt."""
    words = [_word(word, chance) for word in good.name.split()]
    if len(words) > 3 and chance.random() < 0.08:
        del words[chance.randrange(len(words) - len(good.variant.split()))]
    if chance.random() < 0.3:
        words = [*words[-1:], *words[:-1]]
    elif chance.random() < 0.1:
        chance.shuffle(words)
    if chance.random() < 0.2:
        words.insert(chance.choice((0, len(words))), chance.choice(PRAISE))
    words, field = _branded(words, good.brand, chance)
    size = _size(good.size, chance)
    if size and chance.random() < 0.3:
        words, size = [*words, size], ""
    name = " ".join(words)
    case = chance.choice((str.upper, str.lower, str.title, str.title))
    return replace(good, name=case(name), brand=field, size=size, variant="")


def _branded(
    words: list[str], brand: str, chance: random.Random
) -> tuple[list[str], str]:
    """Put the brand into the name, leave it out, lengthen it, or misspell it."""
    roll = chance.random()
    if roll < 0.3:
        return [brand, *words], ""
    if roll < 0.45:
        return words, ""
    if roll < 0.55:
        return words, f"{brand} {chance.choice(('Inc.', 'Foods', 'Co', 'GmbH'))}"
    return words, _typo(brand, chance) if roll < 0.6 else brand


def _word(word: str, chance: random.Random) -> str:
    low, roll = word.lower(), chance.random()
    if low in SHORT and roll < 0.25:
        return SHORT[low]
    if len(low) >= 6 and roll < 0.08:
        return low[0] + re.sub("[aeiou]", "", low[1:])
    if len(low) >= 7 and roll < 0.14:
        return low[: chance.choice((4, 5))] + chance.choice((".", ""))
    if len(low) >= 5 and roll < 0.2:
        return _typo(low, chance)
    if len(low) >= 4 and roll < 0.24:
        return low.removesuffix("s") if low.endswith("s") else f"{low}s"
    return low


def _typo(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, max(2, len(word) - 1))
    match chance.randrange(4):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + word[at - 1] + word[at:]
        case 2:
            return word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
        case _:
            return word[:at] + chance.choice("aeioulnrst") + word[at + 1 :]


def _size(text: str, chance: random.Random) -> str:
    size, roll = sizes.parsed(text), chance.random()
    if size is None or roll < 0.4:
        return text if roll < 0.3 else text.lower().replace(" ", "")
    if roll < 0.52:
        return ""
    each, many = size.amount / size.packs, size.packs
    if size.unit == sizes.PC:
        return f"{int(size.amount)} {chance.choice(('pcs', 'count', 'pack'))}"
    if size.unit not in (sizes.G, sizes.ML):
        return text
    if size.unit == sizes.G and "OZ" in text and chance.random() < 0.25:
        each = each / sizes.OUNCE * sizes.FLUID_OUNCE
        one = _metric(each, "ml", "l", chance)
    elif size.unit == sizes.G:
        one = _metric(each, "g", "kg", chance)
    else:
        one = _metric(each, "ml", "l", chance)
    return one if many == 1 else f"{many}{chance.choice(('x', ' x ', ' pk '))}{one}"


def _metric(amount: Decimal, small: str, large: str, chance: random.Random) -> str:
    if amount >= 1000 and chance.random() < 0.6:
        return f"{amount / 1000:.2f}".rstrip("0").rstrip(".") + f" {large}"
    return f"{amount:.0f} {small}" if amount >= 20 else f"{amount:.1f} {small}"
