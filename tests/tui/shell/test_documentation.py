"""docs/workbench.md names every key."""

from __future__ import annotations

import os
import re

from tests.conftest import REPOSITORY
from textual.keys import format_key

from calibtui.tui.keys_known import bindings

PAGE = REPOSITORY / "docs" / "workbench.md"
MARKS = re.compile(r"(<!-- keys -->\n).*?(<!-- /keys -->)", re.DOTALL)
UPDATE = "CALIBTUI_UPDATE_DOCS"


def keys_table() -> str:
    """Name, keys and meaning of every binding, by name; one that several parts share is named once."""
    rows = {}
    for _, binding in bindings():
        keys = " ".join(f"`{format_key(key.strip())}`" for key in binding.key.split(","))
        rows.setdefault(str(binding.id), (keys, (binding.tooltip or binding.description).rstrip(".")))
    lines = [f"| `{name}` | {keys} | {said} |" for name, (keys, said) in sorted(rows.items())]
    return "\n".join(["| name | keys | what they do |", "|---|---|---|", *lines]) + "\n"


def test_the_table_of_keys_is_what_the_workbench_has() -> None:
    """CALIBTUI_UPDATE_DOCS=1 writes it."""
    page = PAGE.read_text(encoding="utf-8")
    if os.environ.get(UPDATE):
        PAGE.write_text(MARKS.sub(lambda found: found[1] + keys_table() + found[2], page), encoding="utf-8")
        return
    found = MARKS.search(page)
    assert found is not None
    assert found[0] == found[1] + keys_table() + found[2], f"run once with {UPDATE}=1"


def test_every_binding_has_a_name_and_says_what_it_does() -> None:
    for node, binding in bindings():
        assert binding.tooltip or binding.description, f"{node.__name__}: {binding.key}"


def test_one_name_is_one_thing() -> None:
    actions: dict[str, set[str]] = {}
    for _, binding in bindings():
        actions.setdefault(str(binding.id), set()).add(binding.action)
    assert {name: several for name, several in actions.items() if len(several) > 1} == {}
