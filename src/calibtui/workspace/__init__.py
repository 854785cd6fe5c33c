"""calibtui.toml as frozen settings."""
