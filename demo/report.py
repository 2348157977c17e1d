"""What the loop did, for people: one readable page in the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table

from analytics import reports
from catalog.models import Product
from demo.loop import OPERATOR, Loop
from promotions.models import Offer, Strategy


def show(console: Console, loop: Loop, address: str) -> None:
    """Print the report."""
    console.print()
    _facts(console)
    _models(console, loop)
    _strategies(console, loop)
    _shopping(console, loop)
    _seconds(console, loop)
    _login(console, loop, address)


def _facts(console: Console) -> None:
    totals = reports.totals()
    orders, events = totals.get("order_completed", 0), sum(totals.values())
    table = Table(title="In the log", title_justify="left")
    for name in ("customers", "products", "events", "orders"):
        table.add_column(name, justify="right")
    facts = (reports.customers(), Product.objects.count(), events, orders)
    table.add_row(*(f"{fact:,}" for fact in facts))
    console.print(table)


def _models(console: Console, loop: Loop) -> None:
    if loop.run is None:
        return
    report = loop.run.report
    table = Table(title="Candidates", title_justify="left")
    table.add_column("candidate")
    for part in ("validation", "test"):
        for figure in ("log-loss", "AUC", "ECE"):
            table.add_column(f"{part}\n{figure}", justify="right")
    table.add_column("fit CPU s", justify="right")
    table.add_column("size kB", justify="right")
    sizes = dict(loop.run.models.values_list("estimator", "size_bytes"))
    rows = report["baselines"] | report["candidates"]
    best_first = sorted(rows.items(), key=lambda r: r[1]["validation"]["log_loss"])
    for name, row in best_first:
        style = "bold green" if name == report["winner"] else None
        table.add_row(*_candidate(name, row, sizes.get(name)), style=style)
    console.print(table)
    console.print(
        f"[bold]{report['winner'] or 'Nobody'}[/bold] won: {report['reason']}\n"
    )


def _candidate(name: str, row: dict[str, Any], size: int | None) -> list[str]:
    figures = [
        f"{row[part][figure]:.4f}"
        for part in ("validation", "test")
        for figure in ("log_loss", "auc", "ece")
    ]
    kilobytes = "" if size is None else f"{size / 1000:,.0f}"
    return [name, *figures, f"{row['fit_seconds']:.1f}", kilobytes]


def _strategies(console: Console, loop: Loop) -> None:
    table = Table(title="Strategies", title_justify="left")
    for column in ("kind", "strategy", "state"):
        table.add_column(column)
    for column in ("reach", "cost", "margin (95 %)", "offers", "measured"):
        table.add_column(column, justify="right")
    for strategy in Strategy.objects.order_by("state", "kind", "title"):
        table.add_row(*_strategy(strategy, loop))
    console.print(table)
    offers = Offer.objects.count()
    customers = Offer.objects.values("customer").distinct().count()
    console.print(f"{offers:,} offers computed for {customers:,} customers.")
    console.print(
        "Forecasts rest on past campaigns (observational) and on the assumed margin; "
        "measured: treatment less holdout, margin per customer.\n"
    )


def _strategy(strategy: Strategy, loop: Loop) -> list[str]:
    forecast, measured = strategy.forecast, loop.measured.get(strategy.id)
    low, high = forecast["low"], forecast["high"]
    return [
        strategy.kind,
        strategy.title,
        strategy.get_state_display(),
        f"{forecast['reach']:,}",
        f"{forecast['cost']:,.0f}",
        f"{forecast['margin']:+,.0f} ({low:+,.0f} to {high:+,.0f})",
        f"{strategy.offers.count():,}",
        f"{measured.margin.value:+.2f}, {measured.treatment} to {measured.holdout}"
        if measured
        else "",
    ]


def _shopping(console: Console, loop: Loop) -> None:
    if loop.shopped:
        saved = sum(visit.discount for visit in loop.shopped)
        used = sum(visit.redeemed for visit in loop.shopped)
        console.print(
            f"{len(loop.shopped)} households came back with a basket of theirs over "
            f"HTTP, used {used} offers and saved {saved:.2f}.\n"
        )


def _seconds(console: Console, loop: Loop) -> None:
    table = Table(title="Seconds", title_justify="left")
    for name in (*loop.seconds, "all"):
        table.add_column(name, justify="right")
    seconds = [*loop.seconds.values(), sum(loop.seconds.values())]
    table.add_row(*(f"{second:.1f}" for second in seconds))
    console.print(table)


def _login(console: Console, loop: Loop, address: str) -> None:
    console.print(
        f"\nAdmin: [bold]{address}/admin/[/bold]  user [bold]{OPERATOR}[/bold]"
    )
    if loop.password:
        console.print(f"Password, shown only now: [bold]{loop.password}[/bold]")
    else:
        console.print(
            "Password: as shown at the first run; `.venv/bin/python manage.py "
            f"changepassword {OPERATOR}` sets another."
        )
    console.print(f"API: {address}/api/v1/docs\n")
