"""calibtui: find the calibration frames that keep an INT8 detector accurate, and prove it."""

import os

__version__ = "0.1.0"

# onnxruntime from 1.31 on keeps a record of its use for its makers unless it is told not to before it is loaded.
# What models people quantize here is nobody else's business, and a run promises to be offline.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
