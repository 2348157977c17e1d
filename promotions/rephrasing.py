"""placeholder"""


def rephrased(text: str) -> str | None:
    return None
