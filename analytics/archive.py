"""Old months of the log in Parquet files: moved out, and still read by `rebuild`."""

from collections.abc import Iterable, Iterator

from analytics import store


def read(
    *, after: int = 0, until: int, types: Iterable[str] | None = None
) -> Iterator[store.Stored]:
    """Yield the events of the positions (after, until], those of the archives too."""
    return store.read(after=after, until=until, types=types)
