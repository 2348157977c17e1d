"""Products from a file's rows, each through the checks of PUT products. Worker only.

Good rows are taken whatever the others are; a sku listed twice counts as last listed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop
from rest_framework import serializers

from analytics import columns
from analytics.sheets import Sheet
from analytics.table_files import untamed
from catalog.bodies import ProductSerializer
from catalog.feeds import Listed
from catalog.intake import Fault

CHUNK = 1000
SHOWN = 100
"""Characters of a refused value."""
COMMA = re.compile(r"-?\d[\d.\s']*,\d{1,4}")
AMOUNTS = ("price", "cost")
NEEDED = ("sku", "name")
GUESSES: Mapping[str, Sequence[str]] = {
    "sku": (
        *("sku", "product_id", "productid", "item_id", "article_id", "stockcode"),
        *("stock_code", "product_code", "article", "id", "artikel", "artikelnr"),
        *("商品编号", "货号"),
    ),
    "name": (
        *("name", "title", "product_name", "productname", "product", "description"),
        *("bezeichnung", "商品名称", "名称"),
    ),
    "department": ("department", "abteilung", "部门"),
    "category": (
        *("category", "product_category", "product_type", "kategorie", "warengruppe"),
        *("品类", "类别"),
    ),
    "brand": ("brand", "vendor", "manufacturer", "marke", "品牌"),
    "size": ("size", "package_size", "groesse", "规格"),
    "gtin": ("gtin", "ean", "ean13", "upc", "barcode", "条形码"),
    "mpn": ("mpn", "manufacturer_part_number", "part_number", "herstellernummer"),
    "family": ("family", "parent_sku", "item_group_id", "style", "款式"),
    "currency": ("currency", "currency_code", "waehrung", "币种"),
    "price": ("price", "unit_price", "shelf_price", "list_price", "preis", "价格"),
    "cost": ("cost", "unit_cost", "cost_price", "einkaufspreis", "成本"),
    "stock": (
        *("stock", "quantity", "qty", "inventory", "on_hand", "bestand", "库存"),
    ),
    "lead_days": ("lead_days", "lead_time", "lead_time_days", "lieferzeit"),
    "pack": ("pack", "pack_size", "order_multiple", "case_pack", "verpackungseinheit"),
    "expires_on": ("expires_on", "expiry_date", "best_before", "mhd", "保质期至"),
    "expiring": ("expiring", "expiring_quantity", "expiring_stock"),
    "promotable": ("promotable", "discountable", "可促销"),
}


class NoColumns(Exception):
    """The file lacks what every product needs, or the mapping names what it lacks."""


@dataclass(kw_only=True)
class Chunk:
    """Some rows of a file: how many, the good ones, and what is wrong with the others.

    `raw` are the rows as they were read, by field.
    """

    rows: int
    listed: list[Listed] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    raw: list[dict[str, str]] = field(default_factory=list)


def mapped(said: Sequence[str], header: Sequence[str], currency: str) -> dict[str, str]:
    """Return each field's column: as said (FIELD=COLUMN), else by its name.

    :raises NoColumns: names the field.
    """
    found = columns.guessed(header, GUESSES)
    for one in said:
        name, equals, column = one.partition("=")
        if not equals or name not in GUESSES:
            raise NoColumns(
                f"{one!r} is not FIELD=COLUMN; fields: {', '.join(GUESSES)}"
            )
        if column not in header:
            raise NoColumns(f"{name}: the file has no column {column!r}")
        found[name] = column
    needed = NEEDED if currency else (*NEEDED, "currency")
    if missing := [name for name in needed if name not in found]:
        raise NoColumns(
            f"no column is known for {', '.join(missing)}. "
            f"The file has {', '.join(header)}"
        )
    return {name: found[name] for name in GUESSES if name in found}


def chunks(sheet: Sheet, sources: Mapping[str, str], currency: str) -> Iterator[Chunk]:
    """Yield the file's rows, checked; `currency` is of rows that say none.

    Two fields may be of one column.
    """
    wanted = list(dict.fromkeys(sources.values()))
    for batch in sheet.batches(wanted):
        broken = [
            Fault(row=one.row, field="", reason=one.reason, value=one.value[:SHOWN])
            for one in sheet.broken
        ]
        sheet.broken.clear()
        if broken:
            yield Chunk(rows=len(broken), faults=broken)
        for start in range(0, len(batch), CHUNK):
            some = batch.slice(start, CHUNK)
            yield _checked(list(some.iter_rows(named=True)), sources, currency)


def _checked(
    rows: Sequence[Mapping[str, Any]], sources: Mapping[str, str], currency: str
) -> Chunk:
    chunk, check = Chunk(rows=len(rows)), ProductSerializer()
    for row in rows:
        given = {name: untamed(_text(row[column])) for name, column in sources.items()}
        chunk.raw.append(given)
        sent = {name: value for name, value in given.items() if value}
        sent.setdefault("currency", currency)
        commas = [name for name in AMOUNTS if COMMA.fullmatch(given.get(name, ""))]
        try:
            product = check.run_validation(sent)
        except serializers.ValidationError as error:
            chunk.faults += _faults(row["row"], error.detail, given, commas)
        else:
            chunk.listed.append(Listed(**product))
    return chunk


def _faults(
    row: int, detail: Any, given: Mapping[str, str], commas: Sequence[str]
) -> Iterator[Fault]:
    for name, reasons in detail.items():
        reason = " ".join(map(str, reasons))
        if name in commas:
            reason = gettext_noop("It has a decimal comma: write a point, as in 10.50.")
        value = given.get(name, "")[:SHOWN]
        yield Fault(row=row, field=str(name), reason=reason, value=value)


def _text(value: Any) -> str:
    """Write a cell as a body has it; of Parquet alone, cells are not text already."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
