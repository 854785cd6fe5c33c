"""Nothing leaves this machine that the settings don't ask for."""

from __future__ import annotations

import os
import subprocess
import sys

LOAD = """
import sys, time
from pathlib import Path
from calibtui.detector.session import open_session
open_session(Path(sys.argv[1]))
time.sleep(0.5)
"""


def test_onnxruntime_keeps_no_record_of_its_use_for_its_makers(tmp_path, sample_data):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    environ |= {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", LOAD, str(sample_data / "detector.onnx")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*onnxruntime*"))
