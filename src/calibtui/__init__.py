"""calibtui: find the calibration frames that keep an INT8 detector accurate, and prove it."""

__version__ = "0.1.0"
