"""What a search has measured is never measured again, not even by the next run."""

from __future__ import annotations

import pytest

from calibtui.core.errors import InterruptedByUser
from calibtui.core.progress import StopFlag
from calibtui.pipeline.context import Context
from calibtui.pipeline.search.book import Measured, Measures, TrialBook
from calibtui.pipeline.search.recipe import Recipe
from calibtui.pipeline.workers.kit import Done
from calibtui.store.store import Store
from calibtui.workspace.settings import PoolSettings, Settings


class Counted:
    """Measures that count how often they were taken."""

    def __init__(self) -> None:
        self.errors = self.drops = 0

    def error(self, recipes):
        self.errors += len(recipes)
        for place in reversed(range(len(recipes))):
            yield Done(place, 0.25 + place, 0.5)

    def drop(self, recipe: Recipe) -> Measured:
        self.drops += 1
        return Measured(0.3, 0.5, 0.1)

    def measures(self) -> Measures:
        return Measures(self.error, self.drop, lambda _: 0.95, lambda recipe: len(recipe.float_nodes))


@pytest.fixture
def opened(tmp_path):
    """Opens the store anew, as each run does."""

    def open_book(counted: Counted, stop: StopFlag | None = None):
        settings = Settings(tmp_path, tmp_path / "calibtui.toml", PoolSettings(("pool",)))
        store = Store(settings.state)
        context = Context(settings, store, "run", lambda _: None, StopFlag() if stop is None else stop)
        return store, TrialBook(context, "search", counted.measures())

    return open_book


def test_the_next_run_takes_up_what_was_measured(opened):
    counted, recipe = Counted(), Recipe("mse", float_nodes=("a",))
    for _ in range(2):
        store, book = opened(counted)
        with store:
            assert book.error(recipe) == 0.25
            row = book.measured(recipe)
    assert (counted.errors, counted.drops) == (1, 1)
    assert (row.drop, row.int8_share, row.float_nodes) == (0.5, 0.95, 1)


def test_an_error_alone_costs_no_map(opened):
    counted = Counted()
    store, book = opened(counted)
    with store:
        book.error(Recipe("mse"))
        assert counted.drops == 0 and book.rows[0].drop is None


def test_recipes_measured_together_are_rows_in_the_order_they_are_asked_for(opened):
    counted = Counted()
    store, book = opened(counted)
    with store:
        book.expect([Recipe("mse"), Recipe("minmax"), Recipe("entropy")])
        assert book.rows == () and book.spent == 0
        assert [book.error(Recipe(name)) for name in ("minmax", "mse")] == [1.25, 0.25]
        assert [row.what for row in book.rows] == ["minmax", "mse"]
        assert counted.errors == 3 and book.spent == 1.0


def test_a_search_that_is_asked_to_stop_keeps_its_rows(opened):
    stop = StopFlag()
    store, book = opened(Counted(), stop)
    with store:
        book.error(Recipe("mse"))
        stop.set()
        with pytest.raises(InterruptedByUser):
            book.error(Recipe("minmax"))
    store, book = opened(Counted())
    with store:
        assert [row.what for row in book.rows] == ["mse"]
