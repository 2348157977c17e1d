"""Rows to Parquet, in a process of its own: the web process never loads Polars.

`python -m promotions.parquet` reads {"columns": {name: kind}, "rows": [[…], …]} from
its input and writes the file to its output.
"""

import json
import sys

import polars as pl

KINDS = {"text": pl.String(), "number": pl.Float64(), "count": pl.Int64()}


def main() -> None:
    """Convert standard input to standard output."""
    asked = json.load(sys.stdin)
    schema = {name: KINDS[kind] for name, kind in asked["columns"].items()}
    frame = pl.DataFrame(asked["rows"], schema=schema, orient="row")
    frame.write_parquet(sys.stdout.buffer)


if __name__ == "__main__":
    main()
