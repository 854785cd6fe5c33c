"""The key for something that another screen does, as it is shown where that screen is spoken of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.app import App
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode


def shown_key(app: App[None], keymap: Mapping[str, str], place: type[DOMNode], name: str) -> str:
    """Of the binding `name` that `place` has, the first of its keys in `keymap`, else of its own."""
    binding = _named(place, name)
    key = keymap.get(name, binding.key).split(",")[0].strip()
    return app.get_key_display(replace(binding, key=key, key_display=None))


def _named(place: type[DOMNode], name: str) -> Binding:
    return next(binding for _, binding in BindingsMap(place.BINDINGS) if binding.id == name)
