"""How dates are written on all pages: one way, in every language."""
