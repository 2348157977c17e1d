"""What of The Complete Journey is merchandise that may be promoted."""

NEVER_PROMOTED = {
    "CNTRL/STORE SUP",
    "COUPON",
    "FUEL",
    "GM MERCH EXP",
    "MISCELLANEOUS",
    "POSTAL CENTER",
    "PROD-WHS SALES",
    "RX",
    "TOBACCO",
}
"""Departments that are not merchandise, or that may not be discounted."""
BARRED = {
    *("BEERS/ALES", "DOMESTIC WINE", "IMPORTED WINE", "LIQUOR", "MISC WINE"),
    *("CIGARETTES", "CIGARS", "TOBACCO OTHER", "COUPON/MISC ITEMS"),
}
"""Categories likewise: alcohol, tobacco, fuel."""


def promotable(department: str, category: str) -> bool:
    merchandise = bool(category) and department not in NEVER_PROMOTED
    return merchandise and category not in BARRED
