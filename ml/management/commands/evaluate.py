"""`manage.py evaluate`: what can be foretold from the shop's own log, as tables.

Exit status: 0 every table that was asked for is there, 1 one lacks history.
"""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from analytics import clock
from ml import challengers, evaluated, tables
from ml.tables import Sheet

HELP = """\
Measure every learner on the orders in the log, and print the tables.

Cut-offs lie 28 days (HORIZON_DAYS for propensity) apart, back from the last midnight
UTC before the newest order. Whatever is measured at a cut-off learnt from labels that
were closed by then. Nothing is stored and no model is changed.

propensity   Three cut-offs. Asked: customer × category, for customers with three
             orders, one of them in the last 84 days, and the 100 categories with the
             most buyers. Truth: bought within the horizon. Each learner is fitted on
             the four cut-offs before (as many as there are), and calibrated on what it
             foretold at earlier ones. Figures: log-loss in nats (standard error by
             customer), AUC, AUC within categories, average precision, Brier, ECE; CPU
             seconds of a fit and of scoring 225,000 pairs; bytes in service.
market       The rows of propensity, each learner with and without a group of market
             features: holidays, the shop's days, daily series, prices beside
             competitors'. Off by default: CPU minutes. Gains are in nats, paired by
             row, with errors by customer; a group stays if its gain is above zero by
             two errors and no cut-off is below by two. --moved-days says by how many
             days the orders were moved (the demo's are), so that holidays are looked
             up where they were.
content      The rows of next-basket and of propensity, each learner with and without
             one more column that says how near a product's listing, or a category's
             name, is to the other things that the customer buys. Off by default: CPU
             minutes. The same rule says what stays.
redemption   The four newest campaigns that have ended, learnt from those that had
             ended when the first of the four began. Asked: customer × campaign
             received. Truth: a coupon of it used. Lift is of the first tenth.
next-basket  Three cut-offs, 84, 56 and 28 days back. Asked: customers with three
             orders before and one in the 28 days after. Truth: the products of the
             first of those orders. Products in ten orders before the cut-off are
             ranked, repeats allowed; others stay in the truth's size. The ranker
             learnt from the four cut-offs before. Gains are paired by customer, with
             the standard error of the mean of the cut-offs' means. "ranker, diverse"
             is the ranker as it is served. --with als,bpr,nmf,towers fits factor models
             and two towers at each cut-off: each alone, and as two more features of
             the ranker. Off by default, since they take CPU minutes.
last-basket  Asked: customers with five orders (outliers by lines a day left out);
             products with ten lines. Truth: each one's last order, whenever it was;
             history: all before. The ranker learnt on the last order but one.
cold-start   The cut-off 28 days back, asked as in next-basket, but the customer's own
             history is cut to its last 1, 3, 5 and 10 orders. "ranker" learnt from
             whole histories at the two cut-offs before, "of beginners" from ones
             cut alike.
strangers    Three cut-offs. A fifth of the customers, drawn by --seed, are strangers of
             whom nothing is counted. Asked: the first order of the 28 days after, of
             four ranked products or more. Given: none, one, two or three of its
             products, drawn at random, as a session would; truth: the rest.

Of lists of ten: R@10 is hits / |truth|. N@10 is NDCG with gain 1 / log2(place + 1) and
the ideal over min(10, |truth|); N@10_all has the ideal over all of the truth (Li et
al., TOIS 2023), and papers mix the two. PHR is the share of lists that hit at all.
repeat and explore are recall on products bought and not bought before, and add up to
R@10. coverage is the share of ranked products on any list, distinct the number of
categories of a list. Means are over customers, then over cut-offs.

Left out: bots, customers without consent where it is required, and products that the
catalogue marks as not promotable. For propensity, categories of which nothing is left
are not asked; the lines still count for their customer.

--untouched prints every table again for a fixed fifth of the customers. Learners learn
from everybody; the fifth is for whoever tunes them, who should not look at it before.
"""


WIDTH = 180
SLOW = ("market", "content")
FORMATS = ("table", "markdown", "json")


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        # The slow ones take CPU minutes (HELP): they run by name alone.
        names = ",".join(name for name in tables.PROTOCOLS if name not in SLOW)
        add("--only", default=names, metavar="NAME,NAME", help=f"default: {names}")
        rivals = ",".join(challengers.MODELS)
        add(
            "--with",
            dest="challengers",
            default="",
            metavar="NAME,NAME",
            help=f"also these in next-basket, of {rivals}; slow: CPU minutes each",
        )
        add("--exclude-category", action="append", default=[], metavar="CATEGORY")
        add("--exclude-department", action="append", default=[], metavar="DEPARTMENT")
        add("--all-products", action="store_true", help="the not promotable ones too")
        add("--customers", type=int, help="so many customers only, drawn by --seed")
        add("--moved-days", type=int, default=0, metavar="DAYS", help="see market")
        add("--format", choices=FORMATS, default="table")
        add("--seed", type=int, default=0, help="of the draw and the learners")
        add(
            "--untouched",
            action="store_true",
            help="also the customers with crc32(id) %% 5 == 0 apart, the id being the "
            "shop's own as stored (the demo's hh-1, not the data set's 1)",
        )

    def handle(self, *args: Any, only: str, **options: Any) -> None:
        wanted = _names(only, tables.PROTOCOLS, "table")
        try:
            shop = evaluated.read(_order(options), until=clock.now())
        except evaluated.NotThere as error:
            raise CommandError(str(error)) from error
        form = options["format"]
        sheets: list[Sheet] = []
        self._say(
            form, ", ".join(f"{key} {one}" for key, one in shop.summary().items())
        )
        waiting = Console(stderr=True)
        for name in wanted:
            with waiting.status(f"{name} is running"):
                found = tables.run(shop, name)
            for sheet in found:
                sheets.append(sheet)
                self._show(form, sheet)
        if form == "json":
            told = [asdict(sheet) for sheet in sheets]
            self.stdout.write(json.dumps({"log": shop.summary(), "tables": told}))
        lacking = [sheet.note for sheet in sheets if sheet.missing]
        if lacking:
            raise CommandError(
                "Too little history. " + " ".join(dict.fromkeys(lacking))
            )

    def _say(self, form: str, text: str) -> None:
        if form != "json":
            self.stdout.write(text)

    def _show(self, form: str, sheet: Sheet) -> None:
        if not sheet.rows:
            self._say(form, f"{sheet.title}: {sheet.note}")
        elif form == "table":
            console = Console(width=WIDTH)
            with console.capture() as drawn:
                console.print(_table(sheet))
            self._say(form, drawn.get())
        else:
            self._say(form, _markdown(sheet))


def _names(told: str, known: Collection[str], what: str) -> list[str]:
    names = [name.strip() for name in told.split(",")]
    if unknown := [name for name in names if name not in known]:
        there = ", ".join(known)
        raise CommandError(f"no such {what}: {', '.join(unknown)}; there are {there}")
    return names


def _order(options: dict[str, Any]) -> evaluated.Order:
    if options["customers"] is not None and options["customers"] < 1:
        raise CommandError("--customers is 1 or more")
    rivals = options["challengers"]
    return evaluated.Order(
        challengers=tuple(
            _names(rivals, challengers.MODELS, "model") if rivals else ()
        ),
        customers=options["customers"],
        departments=frozenset(options["exclude_department"]),
        categories=frozenset(options["exclude_category"]),
        all_products=options["all_products"],
        untouched=options["untouched"],
        seed=options["seed"],
        moved_days=options["moved_days"],
    )


def _table(sheet: Sheet) -> Table:
    columns = list(sheet.rows[0])
    table = Table(*columns, title=_title(sheet))
    for row in sheet.rows:
        table.add_row(*(_cell(row[key]) for key in columns))
    return table


def _markdown(sheet: Sheet) -> str:
    columns = list(sheet.rows[0])
    cells = [[_cell(row[key]) for key in columns] for row in sheet.rows]
    lines = [columns, ["---"] * len(columns), *cells]
    told = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"\n{_title(sheet)}\n\n{told}"


def _title(sheet: Sheet) -> str:
    return f"{sheet.title} — {sheet.who}"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    exact = float(value).is_integer() or abs(value) >= 100
    return f"{value:,.0f}" if exact else f"{value:.4f}"
