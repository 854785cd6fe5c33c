"""Every binding that the workbench has, for the keymap's check and the table in the documentation."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from textual.binding import Binding
from textual.dom import DOMNode

import calibtui.tui


def bindings() -> Iterator[tuple[type[DOMNode], Binding]]:
    """(where, what) of every binding with an id, class by class. Imports all screens, so it takes its time."""
    for module in pkgutil.walk_packages(calibtui.tui.__path__, "calibtui.tui."):
        import_module(module.name)
    for node in sorted(_below(DOMNode), key=lambda each: (each.__module__, each.__qualname__)):
        if node.__module__.startswith("calibtui.tui."):
            for binding in node.__dict__.get("BINDINGS", ()):
                if isinstance(binding, Binding) and binding.id:
                    yield node, binding


def known_ids() -> set[str]:
    return {binding.id for _, binding in bindings() if binding.id}


def _below(node: type[DOMNode]) -> set[type[DOMNode]]:
    found = set(node.__subclasses__())
    return found.union(*(_below(each) for each in found))
