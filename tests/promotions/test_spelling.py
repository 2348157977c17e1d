"""A text's plain form and digest; codes that nobody guesses."""

from hypothesis import given
from hypothesis import strategies as st

from promotions import spelling


@given(st.text(max_size=80))
def test_every_text_has_a_digest_and_its_plain_form_the_same(text: str) -> None:
    assert spelling.digest(spelling.plain(text)) == spelling.digest(text)


@given(st.integers(1, 10**8))
def test_a_guess_hits_at_most_once_in_ten_million(number: int) -> None:
    length = spelling.needed(number)

    room = len(spelling.ALPHABET) ** length
    assert room >= number * 10**7
    assert length == 8 or len(spelling.ALPHABET) ** (length - 1) < number * 10**7


def test_random_letters_come_equally_often() -> None:
    seen = spelling.letters(bytes(range(256)) * 10)

    assert {seen.count(letter) for letter in spelling.ALPHABET} == {80}
    assert not set("0O1IL") & set(spelling.ALPHABET)
