"""`calibtui budget`: money, with an audit trail."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibtui.cli.engines import engine_of, with_engine
from calibtui.cli.words import directory_and_verb
from calibtui.core.errors import ConfigurationError
from calibtui.core.money import eur
from calibtui.core.summary import BudgetLine
from calibtui.core.text import one_line
from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.wire.money import SetCap
from calibtui.engine.wire.runs import Headless
from calibtui.gateway.money.reconciliation import Difference
from calibtui.pipeline.money import Books, read_books, reconcile, set_cap
from calibtui.workspace.load import load_settings

VERBS = {"show": 0, "set": 2, "reconcile": 0}


def run(arguments: argparse.Namespace) -> int:
    directory, verb, rest = directory_and_verb("budget", arguments.words, VERBS)
    settings = load_settings(directory)
    console = Console(highlight=False)
    place = engine_of(directory)
    if verb == "show":
        books = read_books(settings) if place is None else _books_of(place)
        if arguments.json:
            print(json.dumps(_books_json(books)))
        else:
            _show_books(console, books)
    elif verb == "set":
        if not arguments.why.strip():
            raise ConfigurationError("A cap is not changed without a reason.", 'Say it: --why "release week".')
        change = (rest[0], rest[1], arguments.why)
        lines = set_cap(settings, *change) if place is None else _set_cap_in(place, *change)
        if arguments.json:
            print(json.dumps({"schema": 1, "budgets": [_line_json(line) for line in lines]}))
        else:
            console.print(_budget_table(lines))
    else:
        statement = Path(arguments.statement) if arguments.statement else None
        rows = reconcile(settings, statement, arguments.why, complete=arguments.complete)
        if arguments.json:
            print(json.dumps({"schema": 1, "calls": [{**asdict(r), "difference": r.difference} for r in rows]}))
        else:
            console.print(_difference_table(rows))
    return 0


def _books_of(place: Place) -> Books:
    async def work(engine: SocketEngine) -> Books:
        sheet = await engine.ask(Headless(what="books"))
        return msgspec.convert(json.loads(sheet.text), Books)

    return with_engine(place, work)


def _set_cap_in(place: Place, node: str, cap: str, why: str) -> tuple[BudgetLine, ...]:
    async def work(engine: SocketEngine) -> None:
        await engine.do(SetCap(node=node, eur=cap, why=why, confirmed=True))

    with_engine(place, work)
    return _books_of(place).lines


def _show_books(console: Console, books: Books) -> None:
    console.print(
        _budget_table(books.lines) if books.lines else Text("No [budgets] in calibtui.toml: no call has a cap.")
    )
    if books.unsettled:
        console.print(f"{books.unsettled} calls of killed runs count at their worst case: calibtui budget reconcile")
    if books.spent:
        spent = Table(title="Who spent what", title_justify="left")
        for name in ("node", "run", "model", "prompt"):
            spent.add_column(name, overflow="fold")
        for name in ("calls", "EUR"):
            spent.add_column(name, justify="right", no_wrap=True)
        for row in books.spent:
            names = (row.node or "–", row.run, f"{row.model} by {row.provider}", row.prompt)
            figures = (f"{row.calls:,}", f"{eur(row.spent):.4f}")
            spent.add_row(*(Text(one_line(name)) for name in names), *figures)
        console.print(spent)
    if books.audit:
        audit = Table("when", "who", "what", "from", "to", "why", title="Audit trail", title_justify="left")
        for change in books.audit:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(change.written_at))
            what = f"{change.kind} {change.node or ''} {change.call_id or ''}".strip()
            amounts = (_amount(change.from_micro_eur), _amount(change.to_micro_eur))
            audit.add_row(when, *(Text(one_line(each)) for each in (change.who, what, *amounts, change.why)))
        console.print(audit)


def _budget_table(lines: Iterable[BudgetLine]) -> Table:
    table = Table(title="Budgets, EUR", title_justify="left")
    table.add_column("node")
    for name in ("cap", "spent", "held", "left"):
        table.add_column(name, justify="right")
    table.add_column("used")
    for line in lines:
        used = (line.spent + line.held) / line.cap if line.cap else 1.0
        bar = "█" * round(10 * min(1.0, used))
        left = max(0, line.cap - line.spent - line.held)
        figures = (f"{eur(each):,.4f}" for each in (line.cap, line.spent, line.held, left))
        table.add_row(Text(one_line(line.node)), *figures, f"{bar:<10} {100 * used:.0f} %")
    return table


def _difference_table(rows: list[Difference]) -> Table:
    table = Table("call", "node", title="Reconciliation, EUR", title_justify="left")
    for name in ("counted", "settled", "difference"):
        table.add_column(name, justify="right")
    table.add_column("why")
    for row in rows:
        figures = (f"{eur(each):.6f}" for each in (row.counted, row.settled, row.difference))
        table.add_row(Text(one_line(row.call_id)), row.node or "–", *figures, Text(one_line(row.why)))
    total = (sum(row.counted for row in rows), sum(row.settled for row in rows), sum(row.difference for row in rows))
    table.add_section()
    table.add_row("all", "", *(f"{eur(each):.6f}" for each in total), f"{len(rows)} calls")
    return table


def _books_json(books: Books) -> dict[str, object]:
    return {
        "schema": 1,
        "budgets": [_line_json(line) for line in books.lines],
        "unsettled_calls": books.unsettled,
        "spent": [{**asdict(row), "spent_eur": eur(row.spent)} for row in books.spent],
        "audit": [asdict(change) for change in books.audit],
    }


def _line_json(line: BudgetLine) -> dict[str, object]:
    return {"node": line.node, "cap_eur": eur(line.cap), "spent_eur": eur(line.spent), "held_eur": eur(line.held)}


def _amount(micro: int | None) -> str:
    return "–" if micro is None else f"{eur(micro):,.4f}"
