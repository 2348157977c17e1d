"""The demo shop's aisles: which one a category lies in, and the picture it gets.

The shop has no photographs: each product is drawn as a motif of
config/static/storefront/art.svg on a tile in its aisle's colour. The first aisle one of
whose words is in the category's name, or whose departments hold it, has it; what fits
nowhere lies in the last.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True)
class Aisle:
    """A part of the shop; `motifs` draw categories that have one of their words."""

    slug: str
    name: str | Promise
    motif: str
    words: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    motifs: tuple[tuple[str, str], ...] = ()

    def holds(self, department: str, category: str) -> bool:
        """Whether a category lies here."""
        named = any(word in category for word in self.words)
        return named or department in self.departments


AISLES = (
    Aisle(
        slug="frozen",
        name=_("Frozen"),
        motif="flake",
        words=("FROZEN", "FRZN", "ICE CREAM"),
        departments=("FROZEN GROCERY",),
        motifs=(("PIZZA", "pizza"), ("ICE CREAM", "cone"), ("NOVELTIES", "cone")),
    ),
    Aisle(
        slug="pets",
        name=_("Baby and pets"),
        motif="paw",
        words=("CAT ", "DOG ", "PET ", "BABY", "DIAPER", "INFANT", "BIRD SEED"),
        motifs=(("BABY", "bottle"), ("DIAPER", "bottle"), ("INFANT", "bottle")),
    ),
    Aisle(
        slug="drinks",
        name=_("Drinks"),
        motif="can",
        words=("DRINK", "DRNK", "JUICE", "JCE", "WATER", "COFFEE", "TEA ", "TEAS"),
        motifs=(
            *(("COFFEE", "cup"), ("TEA", "cup")),
            *(("JUICE", "juice"), ("WATER", "juice")),
        ),
    ),
    Aisle(
        slug="dairy",
        name=_("Dairy and eggs"),
        motif="milk",
        words=("MILK", "CHEESE", "YOGURT", "EGG", "BUTTER", "DAIRY", "MARGARINE"),
        motifs=(("CHEESE", "cheese"), ("EGG", "egg"), ("YOGURT", "tub")),
    ),
    Aisle(
        slug="bakery",
        name=_("Bakery"),
        motif="bread",
        words=("BREAD", "BUNS", "BAKED SWEET", "DOUGH", "CAKES"),
        departments=("PASTRY",),
        motifs=(("SWEET", "cake"), ("CAKE", "cake"), ("PIES", "cake")),
    ),
    Aisle(
        slug="snacks",
        name=_("Snacks and sweets"),
        motif="cookie",
        words=(
            "SNACK",
            "CANDY",
            "COCOA",
            "COOKIE",
            "CRACKER",
            "POPCORN",
            "NUTS",
            "DESSERT",
        ),
        motifs=(("BAG SNACKS", "crisps"), ("CANDY", "sweet")),
    ),
    Aisle(
        slug="produce",
        name=_("Fruit and vegetables"),
        motif="apple",
        words=("SALAD BAR",),
        departments=("PRODUCE", "SALAD BAR"),
        motifs=(
            *(("VEG", "leaf"), ("CARROT", "carrot"), ("POTATO", "onion")),
            *(("SALAD", "leaf"), ("HERB", "leaf"), ("BROCCOLI", "leaf")),
            *(("TROPICAL", "banana"), ("ONION", "onion"), ("CITRUS", "citrus")),
            *(("TOMATO", "tomato"), ("PEPPER", "tomato"), ("ORGANIC", "carrot")),
        ),
    ),
    Aisle(
        slug="meat",
        name=_("Meat and fish"),
        motif="steak",
        words=("SEAFOOD", "MEAT", "SAUSAGE", "BACON", "CHICKEN"),
        departments=("MEAT", "MEAT-PCKGD", "SEAFOOD", "SEAFOOD-PCKGD", "DELI"),
        motifs=(
            *(("SEAFOOD", "fish"), ("CHICKEN", "drumstick"), ("TURKEY", "drumstick")),
            *(("BACON", "bacon"), ("SAUSAGE", "sausage"), ("HOT DOG", "sausage")),
            *(("LUNCHMEAT", "sausage"), ("DELI", "sausage"), ("SALAD", "leaf")),
        ),
    ),
    Aisle(
        slug="household",
        name=_("Household"),
        motif="spray",
        words=(
            *("TISSUE", "TOWEL", "PAPER", "DETERGENT", "BLEACH", "LAUNDRY", "CLEAN"),
            *("WRAPS", "FOILWARE", "BATTER", "CANDLE", "STATIONERY", "MUG", "NEWS"),
            *("BROOM", "SEASONAL", "CARDS", "TOY", "HOUSEWARE", "LIGHT", "MAGAZINE"),
        ),
        departments=("TOYS", "GARDEN CENTER", "HOUSEWARES", "AUTOMOTIVE"),
        motifs=(
            *(("TISSUE", "roll"), ("TOWEL", "roll"), ("MUG", "cup")),
            *(("PAPER", "page"), ("NEWS", "page"), ("MAGAZINE", "page")),
            ("CARDS", "page"),
        ),
    ),
    Aisle(slug="flowers", name=_("Flowers"), motif="flower", departments=("FLORAL",)),
    Aisle(
        slug="care",
        name=_("Health and beauty"),
        motif="care",
        departments=("COSMETICS", "DRUG GM"),
    ),
    Aisle(
        slug="pantry",
        name=_("Pantry"),
        motif="jar",
        motifs=(
            *(("SOUP", "tin"), ("CANNED", "tin"), ("SHELF STABLE", "tin")),
            *(("CEREAL", "box"), ("PASTA", "box"), ("DINNER", "box"), ("MIX", "box")),
            *(("SUGAR", "box"), ("FLOUR", "box"), ("BAKING", "box")),
        ),
    ),
)
SHELVED = {aisle.slug: aisle for aisle in AISLES}
ORDER = (
    *("produce", "dairy", "bakery", "meat", "frozen", "drinks", "snacks", "pantry"),
    *("household", "pets", "care", "flowers"),
)
"""As a customer walks through them."""


def aisle(department: str, category: str) -> Aisle:
    """Return the aisle that a category lies in."""
    # Words such as "CAT " end with a space, which a name's last word lacks.
    padded = f"{category} "
    found = (one for one in AISLES if one.holds(department, padded))
    return next(found, AISLES[-1])


def motif(where: Aisle, category: str) -> str:
    """Return the picture of a category."""
    drawn = (picture for word, picture in where.motifs if word in category)
    return next(drawn, where.motif)


def label(category: str) -> str:
    """Write a category as a shop does: the feed has capitals alone.

    >>> label("FRZN VEGETABLE/VEG DSH")
    'Frozen vegetable / veg dish'
    """
    words = category.replace("/", " / ").replace(" - ", ", ").split()
    return " ".join(SPELT.get(word, word) for word in words).capitalize()


SPELT = {
    "FRZN": "FROZEN",
    "REFRGRATD": "CHILLED",
    "MXS:DRY": "MIXES",
    "DSH": "DISH",
    "PNT": "PEANUT",
    "BTR": "BUTTER",
    "SALD": "SALAD",
    "DRSNG": "DRESSING",
    "SNDWCH": "SANDWICH",
    "SPRD": "SPREAD",
    "BKD": "BAKED",
    "FD": "FOOD",
    "TRSH": "BIN",
    "BG": "BAGS",
    "TISS": "TISSUES",
    "DNR": "DINNER",
    "BN": "BEANS",
    "PWDR": "POWDER",
    "CRYSTL": "CRYSTAL",
    "DRNK": "DRINK",
    "MX": "MIX",
    "DRNKS": "DRINKS",
    "JCE": "JUICE",
    "SWEETNERS": "SWEETENERS",
    "MISC": "OTHER",
}
"""Words that the feed cuts short."""
