"""Scores and descriptors to a calibration set."""
