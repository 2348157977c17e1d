"""Django writes Chinese numbers without marks; shops and their figures have them."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
