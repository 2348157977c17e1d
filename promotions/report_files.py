"""Reports as files: one long table, a row for each figure, made from the API's answer.

So a file never says anything else than the answer does (analytics.table_files).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.http.response import HttpResponseBase

from analytics import table_files

COLUMNS: table_files.Columns = {
    **dict.fromkeys(("id", "title", "part", "name", "metric", "unit"), "text"),
    **dict.fromkeys(("treatment", "control"), "count"),
    **dict.fromkeys(("value", "low", "high", "p"), "number"),
    "why": "text",
}
"""What a file's columns are called, and what they hold."""
CSV = "text/csv"
PARQUET = table_files.FORMS["parquet"]

Row = dict[str, Any]
Body = Mapping[str, Any]


def download(
    form: str | None, rows: Iterable[Row], name: str
) -> HttpResponseBase | None:
    """Return the answer that holds a file; None if no form of files was asked for."""
    if form not in ("csv", "parquet"):
        return None
    # CSV keeps amounts as the answer has them, digit by digit; Parquet has numbers.
    told: Iterable[table_files.Row] = rows
    if form == "parquet":
        told = ({name: _plain(name, row.get(name)) for name in COLUMNS} for row in rows)
    return table_files.download(form, COLUMNS, told, name)


def of_strategy(body: Body) -> Iterator[Row]:
    """Yield a strategy's figures."""
    id_, title, currency = body["strategy"], body["title"], body["currency"]
    yield from _report(id_, title, body)
    of = {"id": id_, "title": title, "part": "all", "name": ""}
    yield from _promised(of, body)
    by_lot = body["variants"]["by_lot"]
    yield _number(of | {"part": "variant"}, "given by lot", "share", by_lot)
    for step, count in body["funnel"].items():
        mine = of | {"part": "funnel", "name": step}
        if step == "given":
            yield _number(mine, "discount", currency, count)
        else:
            yield _number(mine, "reached", "customers", count)


def of_campaign(body: Body) -> Iterator[Row]:
    """Yield a campaign's figures, and those of its strategies."""
    yield from _report(body["campaign"], body["name"], body)
    yield from of_lines(body["strategies"])


def of_programme(body: Body) -> Iterator[Row]:
    """Yield the months' figures, their sum, and those of strategies."""
    for month in body["months"]:
        of = {"id": "", "title": "", "part": "month", "name": month["month"]}
        yield from _result(of, month, body["currency"])
    added = {"id": "", "title": "", "part": "all months", "name": ""}
    yield _figure(added, "profit", body["currency"], body["all_months"]["total"])
    for name in ("months", "left_out"):
        yield _number(added, name, "months", body["all_months"][name])
    told, kept = body["kept"], added | {"part": "kept"}
    yield _number(kept, "strategies", "strategies", told["strategies"])
    yield _number(kept, "promised", body["currency"], told["promised"])
    yield _figure(kept, "profit", body["currency"], told["measured"])
    yield from of_lines(body["strategies"])


def of_lines(lines: Iterable[Body]) -> Iterator[Row]:
    """Yield what was promised and measured of strategies side by side."""
    for line in lines:
        of = {"id": line["strategy"], "title": line["title"], "part": "strategy"}
        yield from _result(of | {"name": ""}, line, line["currency"])
        yield from _promised(of | {"name": ""}, line)


def _promised(of: Row, body: Body) -> Iterator[Row]:
    if body["promised"] is not None:
        yield _number(of, "promised", _each(body["currency"]), body["promised"])


def _report(id_: str, title: str, body: Body) -> Iterator[Row]:
    def of(part: str, name: str = "") -> Row:
        return {"id": id_, "title": title, "part": part, "name": name}

    currency = body["currency"]
    yield from _result(of("all"), body, currency)
    arms, each = _sizes(body["arms"]), _each(currency)
    for metric, found in body["effects"].items():
        # `_result` has told it.
        if metric != "profit":
            unit = "each" if metric in ("orders", "refusals") else each
            yield _figure(of("all") | arms, metric, unit, found)
    yield _figure(of("all") | arms, "lift", "share", body["lift"])
    for when, found in body["washout"].items():
        yield _figure(of("washout", when), "profit", each, found)
    yield _figure(
        of("shown") | _sizes(body["shown"]), "profit", each, body["shown"]["profit"]
    )
    yield from _shown(of("shown"), body["shown"])
    parts = {"segment": body["slices"]["segments"], "week": body["slices"]["weeks"]}
    parts["variant"] = body.get("variants", {}).get("variants", [])
    for part, some in parts.items():
        for one in some:
            mine = of(part, one["name"]) | _sizes(one)
            yield _figure(mine, "profit", each, one["profit"])
    for day in body["days"]:
        mine = of("day", day["day"]) | _sizes(day)
        yield _figure(mine, "profit", each, day["profit"])
        yield _figure(mine, "profit, always valid", each, day["always"])


def _shown(of: Row, shown: Body) -> Iterator[Row]:
    # The sizes of nobody are as drawn: no row must say so.
    if shown["profit"]["why"] == "nobody_shown":
        return
    yield _number(of, "share of the treated", "share", shown["share"])
    yield _number(of | _sizes(shown), "sizes as drawn", "p", shown["p"])


def _result(of: Row, body: Body, currency: str) -> Iterator[Row]:
    of = of | _sizes(body["arms"])
    yield _figure(of, "profit", _each(currency), body["profit"])
    yield _figure(of, "profit, always valid", _each(currency), body["always"])
    for metric, found in body["totals"].items():
        yield _figure(of, f"total {metric}", currency, found)
    yield _figure(of, "return on discount", "ratio", body["return_on_discount"])
    chance = {"value": body["chance"], "why": body["profit"]["why"]}
    yield _figure(of, "chance that profit is above zero", "probability", chance)
    yield _number(of, "sizes as drawn", "p", body["arms"]["p"])
    yield _number(of, "crossed", "customers", body["arms"]["crossed"])


def _number(of: Row, metric: str, unit: str, value: Any) -> Row:
    """Return the row of what is known without any doubt."""
    return _figure(of, metric, unit, {"value": value})


def _figure(of: Row, metric: str, unit: str, found: Body) -> Row:
    names = ("value", "low", "high", "p", "why")
    return of | {"metric": metric, "unit": unit, **{n: found.get(n) for n in names}}


def _sizes(body: Body) -> Row:
    return {name: body[name] for name in ("treatment", "control")}


def _each(currency: str) -> str:
    return f"{currency} each"


def _plain(name: str, value: Any) -> Any:
    """Return what JSON can say of a cell: amounts are strings so far."""
    return float(value) if COLUMNS[name] == "number" and value is not None else value
