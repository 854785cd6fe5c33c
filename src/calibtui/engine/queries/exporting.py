"""A set written out for other tools, by the same code as `calibtui export`."""

from __future__ import annotations

from pathlib import Path

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.registry import QueryContext, does
from calibtui.engine.wire.exchange import Done
from calibtui.engine.wire.sets import Export
from calibtui.pipeline.export import export_set


@does(Export)
def export(context: QueryContext, command: Export) -> Done:
    """A relative `to` is relative to the workspace. Raises ConfigurationError, WorkspaceUnwritableError."""
    if not command.to.strip():
        raise ConfigurationError("An export needs a directory to write.", "Name one that doesn't exist yet.")
    target = (context.settings.root / Path(command.to.strip()).expanduser()).resolve()
    names = export_set(context.settings, context.store, target, command.what or ("manifest",), command.name)
    count = f"{len(names):,} files" if len(names) != 1 else names[0]
    return Done(said=f"Wrote {count} to {target}.", files=tuple(str(target / name) for name in names))
