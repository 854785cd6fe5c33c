"""Caps, who spent what under them, and who changed which."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from calibtui.core.money import eur
from calibtui.engine.wire.money import Audit, Money, SetCap, Spend
from calibtui.engine.wire.snapshot import Budget, Snapshot
from calibtui.tui.figures import count, euros, moment
from calibtui.tui.overview.money import budget_line, forecast
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.text import cut, padded, right
from calibtui.tui.throttle import Throttle
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.row_list import RowList
from calibtui.tui.widgets.wrapping import wrapped

AGAIN_S = 2.0
"""The books are read again at most so often while a run writes into them."""


class BudgetTree(RowList[Budget]):
    HELP: ClassVar[str] = """\
Every call must fit under each cap from its own node up to the root. The bar shows what is spent and held; held is the
worst
case of calls on their way. “won't last”: with the running job's forecast the cap is passed."""


class SpendingList(RowList[Spend]):
    HELP: ClassVar[str] = "Who spent what: one row a node, model, prompt and run, dearest first."


class AuditList(RowList[Audit]):
    HELP: ClassVar[str] = (
        "Every change of a cap and every reconciled difference: who, when, from what to what, and why. "
        "Enter shows the reason in full."
    )


class BooksLine(LineView):
    """A sentence on calls whose cost isn't known yet."""

    said = ""

    def lines(self, width: int) -> list[Line]:
        return [[(text, "muted")] for text in wrapped(self.said, width)]


class BudgetsScreen(WorkbenchScreen):
    NAME = "budgets"
    HELP = "The tree of budgets with its caps. Enter on a node gives it another cap, with a reason for the audit trail."
    DEFAULT_CSS = """
    BudgetsScreen BudgetTree { height: auto; max-height: 50%; margin: 0 1; }
    BudgetsScreen BooksLine { margin: 0 1 1 1; }
    BudgetsScreen #books { height: 1fr; layout: vertical; }
    BudgetsScreen.-vast #books { layout: horizontal; }
    BudgetsScreen #books > RowList { margin: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "cap", "set cap", id="budgets.cap", tooltip="Another cap for the node under the cursor."),
        Binding("r", "reread", "read again", id="budgets.reread", show=False, tooltip="Reads the books again."),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._read = Throttle(self, AGAIN_S, self.action_reread)
        self._read_for: tuple[int, object] | None = None

    def body(self) -> ComposeResult:
        yield Vertical(
            BudgetTree(
                self._node_line, _tree_title, empty="No budget is set: a table [budgets] in calibtui.toml sets one."
            ),
            BooksLine(),
            Horizontal(
                SpendingList(_spend_line, _spend_title, empty="Nothing has been spent."),
                AuditList(_audit_line, _audit_title, empty="No cap was ever changed."),
                id="books",
            ),
        )

    def on_snapshot(self, snapshot: Snapshot) -> None:
        tree = self.query_one(BudgetTree)
        if tuple(tree.rows) != snapshot.budgets or snapshot.scoring is not None:
            tree.show(snapshot.budgets)
        if (
            mark := (snapshot.data, tuple((budget.cap, budget.spent) for budget in snapshot.budgets))
        ) != self._read_for:
            self._read_for = mark
            self._read.ask()

    def _node_line(self, budget: Budget, width: int) -> Line:
        return budget_line(budget, width, forecast(budget, self.snapshot) if self.snapshot else None)

    def action_reread(self) -> None:
        self.run_worker(self._reread(), group="books", exclusive=True, exit_on_error=False)

    async def _reread(self) -> None:
        books = await self.ask(Money())
        if books is None:
            return
        self.query_one(SpendingList).show(tuple(sorted(books.spending, key=lambda spend: -spend.spent)))
        self.query_one(AuditList).show(tuple(sorted(books.audit, key=lambda change: -change.at)))
        line = self.query_one(BooksLine)
        line.said = (
            f"{count(books.unsettled)} calls ended without telling their usage and count at their worst case, "
            f"{euros(books.unsettled_held)}: calibtui budget reconcile settles them."
            if books.unsettled
            else "Every call is settled."
        )
        line.refill()

    def on_row_list_chosen(self, chosen: RowList.Chosen) -> None:
        if isinstance(chosen.rows, BudgetTree):
            self.action_cap()
        elif isinstance(chosen.rows, AuditList) and chosen.rows.current is not None:
            change = chosen.rows.current
            self.workbench.tell(change.why, f"{change.by}, {moment(change.at)}, {change.node}")

    def action_cap(self) -> None:
        budget = self.query_one(BudgetTree).current
        if budget is None:
            self.workbench.tell("There is no budget to change.", "[budgets] in calibtui.toml sets one.")
            return
        self.run_worker(self._cap(budget), group="dialog", exclusive=True, exit_on_error=False)

    async def _cap(self, budget: Budget) -> None:
        from calibtui.tui.screens.lift_cap import LiftCapScreen

        wanted = await self.workbench.push_screen_wait(LiftCapScreen(budget.node, budget.cap))
        if wanted is not None:
            self.send(SetCap(node=budget.node, eur=wanted[0], why=wanted[1]), lambda done: self.action_reread())

    def copied(self) -> str:
        """The tree as tab-separated lines, EUR."""
        lines = [
            f"{budget.node}\t{'' if budget.cap is None else eur(budget.cap)}\t{eur(budget.spent)}\t{eur(budget.held)}"
            for budget in self.query_one(BudgetTree).rows
        ]
        return "\n".join(["node\tcap\tspent\theld", *lines])


def _tree_title(width: int) -> Line:
    return [("Budgets", "title"), (cut("  spent and held, of the cap", width - 7), "muted")]


def _spend_title(width: int) -> Line:
    return [("Spent", "title"), (cut("  by node, model, run", max(0, width - 5)), "muted")]


def _audit_title(width: int) -> Line:
    return [("Audit trail", "title"), (cut("  newest first", max(0, width - 11)), "muted")]


def _spend_line(spend: Spend, width: int) -> Line:
    lead = f"{right(euros(spend.spent), 10)}  {right(count(spend.calls), 8)} calls  "
    return [(lead[:12], "strong"), (lead[12:], "plain"), (padded(spend.node, 16), "plain"), *_rest(spend, width)]


def _rest(spend: Spend, width: int) -> Line:
    text = f"  {spend.model} · {spend.prompt} · {spend.run}"
    return [(cut(text, max(0, width - 44)), "muted")]


def _audit_line(change: Audit, width: int) -> Line:
    caps = f"{_cap_text(change.before)} → {_cap_text(change.after)}"
    lead: Line = [(moment(change.at), "muted"), (f"  {cut(change.by, 12)}  ", "plain")]
    node: Line = [(f"{cut(change.node, 20)}  ", "plain"), (caps, "strong")]
    left = width - sum(cell_len(span[0]) for span in (*lead, *node))
    return [*lead, *node, (cut("  " + change.why, max(0, left)), "muted")]


def _cap_text(cap: int | None) -> str:
    return "no cap" if cap is None else euros(cap)
