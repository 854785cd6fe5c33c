"""report.html: one file that needs nothing else, no network and no script."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from calibtui.core.files import written_whole
from calibtui.report.accuracy_section import accuracy_sections
from calibtui.report.contact_sheet import losers_section, set_section
from calibtui.report.data import LostFrame, ReportData, SetFrame
from calibtui.report.headline import headline
from calibtui.report.markup import Markup, el
from calibtui.report.palette import DARK, LIGHT, variables
from calibtui.report.provenance_section import limits_section, provenance_section
from calibtui.report.score_section import score_section
from calibtui.report.search_section import search_section

__all__ = ["LostFrame", "ReportData", "SetFrame", "document", "render_page", "write_page"]

# What a browser then refuses even if something hostile had found its way into the page.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_page(data: ReportData) -> str:
    """The whole page, under 3 MB. Follows the reader's colour scheme, and prints in the light one. Opens the
    pictures of the frames it shows; one that can't be read any more is named in its place."""
    summary = data.summary
    body = el(
        "main",
        headline(data),
        accuracy_sections(data),
        search_section(data),
        losers_section(data),
        score_section(data),
        set_section(data),
        provenance_section(data),
        limits_section(summary),
        el("footer", f"Written by calibtui for run {summary.run}. This file needs no network."),
    )
    return document(f"calibtui report: {summary.workspace}", body)


def document(title: str, body: Markup) -> str:
    """A whole page around `body`, in the house's style."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", _style()),
    )
    return f"<!doctype html>\n{el('html', head, el('body', body), lang='en')}\n"


def write_page(path: Path, data: ReportData) -> None:
    """`render_page` into `path`, whole or not at all. Raises WorkspaceUnwritableError."""
    text = render_page(data)
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def _style() -> Markup:
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}"
    rules = files("calibtui.report").joinpath("page.css").read_text(encoding="utf-8")
    return Markup(f":root {{ {variables(LIGHT)} }}\n{dark}\n{rules}")
