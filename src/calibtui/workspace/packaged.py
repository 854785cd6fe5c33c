"""Where the files that come with the package are: in the wheel, or beside src/ in a checkout."""

from __future__ import annotations

from pathlib import Path

import calibtui
from calibtui.core.errors import ConfigurationError


def packaged(name: str) -> Path:
    """The directory `name` ("sample_data" or "themes") that came with calibtui."""
    package = Path(calibtui.__file__).parent
    for place in (package / f"_{name}", package.parents[1] / name):
        if place.is_dir():
            return place
    raise ConfigurationError(f"This installation of calibtui has no {name}.", "Install it again from its wheel.")
