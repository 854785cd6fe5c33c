"""Calibration set and float model to INT8 model."""
