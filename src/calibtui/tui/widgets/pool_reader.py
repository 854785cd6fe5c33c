"""Fetches rows for the table while it goes on being used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from textual.worker import Worker

from calibtui.core.errors import CalibtuiError
from calibtui.engine.client.client import Answer
from calibtui.engine.wire.exchange import Query
from calibtui.engine.wire.frames import Find
from calibtui.tui.widgets.pool_order import PoolOrder
from calibtui.tui.widgets.pool_pages import ROWS, PoolPages

if TYPE_CHECKING:
    from calibtui.tui.widgets.pool_table import PoolTable


class Asks(Protocol):
    """Whoever answers questions: an engine, or the connection to one."""

    async def ask(self, query: Query[Answer]) -> Answer:
        """Raises EngineRefusedError or EngineGoneError."""
        ...


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be on screen: `order`, with the cursor on the frame or percentile that `find` names, else on `row`,
    and
    that `line` lines below the top. `stick`: the cursor stays on the frame and the line on which it is; where it is
    moved meanwhile, it goes along."""

    order: PoolOrder
    find: Find | None = None
    row: int = 0
    line: int = 0
    stick: bool = False


class PoolReader:
    """One request at a time, the most urgent first; what is not urgent any more is not asked."""

    def __init__(self, table: PoolTable, engine: Asks) -> None:
        self.table = table
        self.engine = engine
        self.data = -1
        """The state of the pool that is on screen."""
        self.marks = 0
        """Grows with every mark that is sent to the engine."""
        self.marking = False
        """Whether the engine hasn't set all of them yet; until then what it says is older than what is shown."""
        self._fetching: Worker[None] | None = None
        self._loading: Worker[None] | None = None

    @property
    def loading(self) -> bool:
        return self._loading is not None and not self._loading.is_finished

    def fetch(self) -> None:
        """Sees to it that the pages on screen and beside it come, if they aren't here."""
        idle = self._fetching is None or self._fetching.is_finished
        if idle and not self.loading and self.table.wanted_pages():
            self._fetching = self.table.run_worker(self._fetch, group="pool-pages", exit_on_error=False)

    def load(self, aim: Aim) -> None:
        """Brings another order, or another state of the pool, on screen in one step; what is there stays until then."""
        if self._loading is not None:
            self._loading.cancel()
        self._loading = self.table.run_worker(partial(self._load, aim), group="pool-load", exit_on_error=False)

    async def _fetch(self) -> None:
        table = self.table
        try:
            while (wanted := table.wanted_pages()) and not self.loading:
                pages, marks = table.pages, self.marks
                page = await self.engine.ask(table.order.page(wanted[0] * ROWS, ROWS))
                if pages is not table.pages or marks != self.marks:
                    continue
                if pages.put(wanted[0], page):
                    table.fit()
                table.refresh_changed()
                if table.row // ROWS == wanted[0]:
                    table.post_message(table.Moved(table.row, table.line))
        except CalibtuiError as error:
            table.post_message(table.Failed(error.message))

    async def _load(self, aim: Aim) -> None:
        table, start, marks = self.table, self.table.row, self.marks
        try:
            found = (await self.engine.ask(aim.find)).row if aim.find is not None else None
            row = aim.row if found is None else found
            pages, data = await self._pages(aim.order, max(0, row - aim.line))
        except CalibtuiError as error:
            table.post_message(table.Failed(error.message))
            return
        finally:
            table.call_later(self.fetch)
        if self.marking or marks != self.marks:
            # What came shows marks as they were before; when they are set, the table is loaded again.
            return
        line = aim.line
        if aim.stick:
            line = table.row - table.top
            table.range_start = None if table.range_start is None else max(0, table.range_start + row - start)
            row += table.row - start
        self.data = data
        table.show(aim.order, pages, row, line)

    async def _pages(self, order: PoolOrder, top: int) -> tuple[PoolPages, int]:
        """The pages of a screen that begins at row `top`, or at the last row, and the state of the pool they show."""
        pages, data = PoolPages(), -1
        number = top // ROWS
        while True:
            page = await self.engine.ask(order.page(number * ROWS, ROWS))
            pages.put(number, page)
            data = page.data if data < 0 else min(data, page.data)
            bottom = min(top + self.table.rows_on_screen, page.matching) - 1
            if bottom < top and page.matching:
                top = page.matching - 1
                number = top // ROWS
            elif bottom // ROWS > number:
                number += 1
            else:
                return pages, data
