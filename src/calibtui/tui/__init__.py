"""The workbench in the terminal: a client of the engine, and nothing else."""

import os

# Textual reads it once, when it is imported: at its own 60 frames a second a key waits up to 17 ms for its paint.
os.environ.setdefault("TEXTUAL_FPS", "120")
