"""How a text file is encoded is seen from its bytes, or not known."""

from hypothesis import given
from hypothesis import strategies as st

from analytics import encodings


@given(st.text(max_size=200))
def test_utf_8_is_always_known_and_so_is_a_mark(text: str) -> None:
    assert encodings.guess(text.encode()) == (
        "utf-8-sig" if not text.encode().startswith((b"\xff", b"\xfe")) else "utf-16"
    )
    assert encodings.guess(text.encode("utf-16")) == "utf-16"


@given(
    st.text("abc éüñßà,;\n", min_size=1, max_size=60).filter(lambda t: not t.isascii())
)
def test_western_code_pages_are_never_taken_for_chinese(text: str) -> None:
    apart = f"{' '.join(text)} "
    assert encodings.guess(apart.encode("cp1252")) is None


@given(st.text("商品编号名称价格库存 ,\n123", max_size=60))
def test_chinese_is_read_as_it_was_written(text: str) -> None:
    """A single word may be UTF-8 as well; a header and a row are not."""
    table = f"商品编号,名称\n{text}"
    assert encodings.guess(table.encode("gb18030")) == "gb18030"


def test_a_character_cut_at_the_end_of_what_was_looked_at_is_no_fault() -> None:
    cut = "价格".encode()[:-1]
    assert encodings.guess(cut, whole=False) == "utf-8-sig"
    assert encodings.guess(cut) != "utf-8-sig"
