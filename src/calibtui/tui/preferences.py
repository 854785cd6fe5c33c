"""workbench.toml in the config directory: how the workbench looks to this user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calibtui.core.errors import ConfigurationError
from calibtui.core.files import written_whole

FILE = "workbench.toml"
PICTURES = ("half-block", "kitty", "sixel")


@dataclass(frozen=True, slots=True)
class Preferences:
    """`theme`: the name of a theme file. `pictures`: how frames are drawn; kitty and sixel need a terminal that can,
    and
    are never guessed."""

    theme: str = "dark"
    pictures: str = "half-block"


def read_preferences(config: Path) -> Preferences:
    """Raises ConfigurationError naming the file and the key."""
    import tomllib

    file = config / FILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} can't be read: {error}.", "The defaults hold.") from error
    for key, value in document.items():
        if key not in ("theme", "pictures"):
            raise ConfigurationError(f"{file}: there is no key {key!r}.", "The keys are theme and pictures.")
        if not isinstance(value, str):
            raise ConfigurationError(f"{file}: {key} is not text.", f'Write it as {key} = "…".')
    preferences = Preferences(**document)
    if preferences.pictures not in PICTURES:
        raise ConfigurationError(
            f"{file}: pictures = {preferences.pictures!r} is none of them.", f"Use one of {', '.join(PICTURES)}."
        )
    return preferences


def write_preferences(config: Path, preferences: Preferences) -> None:
    """Raises WorkspaceUnwritableError where the directory can't be written."""
    config.mkdir(parents=True, exist_ok=True)
    with written_whole(config / FILE) as part:
        part.write_text(f'theme = "{preferences.theme}"\npictures = "{preferences.pictures}"\n', encoding="utf-8")
