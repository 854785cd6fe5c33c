"""Scoring by the batch: handing in, waiting over restarts, taking results in."""
