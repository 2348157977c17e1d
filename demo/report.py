"""What the loop did, for people: one readable page in the terminal."""

from typing import Any

from rich import box
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
    login(console, loop, address)


def _facts(console: Console) -> None:
    totals = reports.totals()
    orders, events = totals.get("order_completed", 0), sum(totals.values())
    console.print(
        f"{reports.customers():,} customers, {Product.objects.count():,} products, "
        f"{events:,} events, {orders:,} of them orders.\n",
        highlight=False,
    )


def _models(console: Console, loop: Loop) -> None:
    if loop.run is None:
        return
    report = loop.run.report
    table = _table("Candidates: validation, then test", "candidate")
    for figure in ("log-loss", "AUC", "ECE", "log-loss", "AUC", "ECE", "CPU s", "kB"):
        table.add_column(figure, justify="right", no_wrap=True)
    sizes = dict(loop.run.models.values_list("estimator", "size_bytes"))
    rows = report["baselines"] | report["candidates"]
    best_first = sorted(rows.items(), key=lambda r: r[1]["validation"]["log_loss"])
    for name, row in best_first:
        style = "bold green" if name == report["winner"] else None
        table.add_row(*_candidate(name, row, sizes.get(name)), style=style)
    console.print(table)
    winner = report["winner"] or "Nobody"
    console.print(f"[bold]{winner}[/bold] won: {report['reason']}\n", highlight=False)


def _table(title: str, *first: str) -> Table:
    """A table that a terminal of 80 columns shows whole."""
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0)
    )
    for column in first:
        table.add_column(column, no_wrap=True)
    return table


def _candidate(name: str, row: dict[str, Any], size: int | None) -> list[str]:
    figures = [
        f"{row[part][figure]:.4f}"
        for part in ("validation", "test")
        for figure in ("log_loss", "auc", "ece")
    ]
    kilobytes = "" if size is None else f"{size / 1000:,.0f}"
    return [name, *figures, f"{row['fit_seconds']:.1f}", kilobytes]


def _strategies(console: Console, loop: Loop) -> None:
    for strategy in Strategy.objects.order_by("state", "kind", "title"):
        console.print(_strategy(strategy, loop), highlight=False)
    offers = Offer.objects.count()
    customers = Offer.objects.values("customer").distinct().count()
    console.print(
        f"\n{offers:,} offers computed for {customers:,} customers. Forecasts are "
        "margin gained, with 80 % intervals; they rest on past campaigns "
        "(observational) and on the assumed margin.\n",
        highlight=False,
    )


def _strategy(strategy: Strategy, loop: Loop) -> str:
    forecast, measured = strategy.forecast, loop.measured.get(strategy.id)
    colour = "green" if strategy.state == Strategy.State.LIVE else "yellow"
    lines = [
        f"[{colour}]{strategy.get_state_display():8}[/] [bold]{strategy.title}[/]",
        f"         {strategy.kind}: reach {forecast['reach']:,}, cost "
        f"{forecast['cost']:,.0f}, margin {forecast['margin']:+,.0f} "
        f"({forecast['low']:+,.0f} to {forecast['high']:+,.0f})",
    ]
    if measured:
        profit = measured.effects["profit"]
        interval = (
            "" if profit.low is None else f" ({profit.low:+.2f} to {profit.high:+.2f})"
        )
        lines.append(
            f"         measured so far: {profit.value:+.2f} profit each{interval}, "
            f"{measured.treatment:,} treated, {measured.control:,} held back"
        )
    return "\n".join(lines)


def _shopping(console: Console, loop: Loop) -> None:
    if loop.shopped:
        saved = sum(visit.discount for visit in loop.shopped)
        used = sum(visit.redeemed for visit in loop.shopped)
        console.print(
            f"{len(loop.shopped)} households came back with their last basket over "
            f"HTTP, used {used} offers and saved {saved:.2f}.\n",
            highlight=False,
        )


def _seconds(console: Console, loop: Loop) -> None:
    steps = [f"{name} {second:.1f}" for name, second in loop.seconds.items()]
    console.print(f"Seconds: {', '.join(steps)}.", highlight=False)
    console.print(f"All: {sum(loop.seconds.values()):.1f}.", highlight=False)


def login(console: Console, loop: Loop, address: str) -> None:
    """Print where the admin is, and who may enter."""
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
