"""The Pareto table of a search: what is worth choosing between, and what was chosen."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from calibtui.core.summary import QuantizationSummary, RunSummary, SearchSummary, TrialLine
from calibtui.report.data import ReportData
from calibtui.report.search_section import pareto, search_section, search_table

ALL = TrialLine("minmax", 1.0, 0, 0.9, None)
BETTER = TrialLine("mse", 1.0, 0, 0.4, 2.5)
CHOSEN = TrialLine("mse, 3 layers in float", 0.95, 3, 0.2, 0.31, chosen=True)
BEATEN = TrialLine("mse, 9 layers in float", 0.92, 9, 0.3, None)
SEARCH = SearchSummary(CHOSEN.what, 43, True, 12.5, (ALL, BETTER, BEATEN, CHOSEN))


def summary(search: SearchSummary | None) -> RunSummary:
    made = QuantizationSummary("m.onnx", "ort-cpu", "mse", 32, 1.0, 1.0, 100, (), 0.95, search)
    return RunSummary("workspace", "run", quantization=made)


def test_what_another_trial_beats_in_share_and_error_is_left_out():
    assert pareto(SEARCH) == (BETTER, CHOSEN)


def test_a_trial_with_a_measured_drop_is_shown_whatever_its_error():
    measured = TrialLine("mse, 9 layers in float", 0.92, 9, 0.3, 0.9)
    assert measured in pareto(SearchSummary("", 43, True, 1, (BETTER, CHOSEN, measured)))


def test_the_terminal_shows_share_error_and_drop_of_each():
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(search_table(summary(SEARCH)))
    said = console.export_text()
    assert "95.0 %" in said and "0.200" in said and "+0.31" in said and "of the 43\nframes" in said
    assert max(len(line) for line in said.splitlines()) <= 80


def test_a_run_without_a_search_has_neither_table_nor_section():
    assert search_table(summary(None)) is None
    assert search_section(ReportData(summary(None), np.zeros(0), np.zeros(0), ())) is None


def test_the_page_escapes_what_a_trial_is_called():
    line = TrialLine("<script>", 1.0, 0, 0.1, 0.0, chosen=True)
    page = search_section(ReportData(summary(SearchSummary("", 4, True, 1, (line,))), np.zeros(0), np.zeros(0), ()))
    assert "<script>" not in page and "&lt;script&gt;" in page and "<svg" in page
