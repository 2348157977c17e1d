"""Numbers that name the same product in every shop. Pure."""

LENGTHS = (8, 12, 13, 14)


def is_gtin(number: str) -> bool:
    """Whether it is a GTIN with a right check digit (GS1 General Specifications, 7.9).

    UPC and EAN are GTINs; from the right, digits weigh 3 and 1 by turns.
    """
    if len(number) not in LENGTHS or not (number.isascii() and number.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(number)]
    # The check digit itself is the first from the right, and weighs 1.
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def canonical(gtin: str) -> str:
    """Return the GTIN as 14 digits, so that a UPC equals its EAN."""
    return gtin.zfill(14)
