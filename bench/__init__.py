"""Speed beside something else in the same run. Each module has `run(quick) -> dict`; `python -m bench` runs them
all."""
