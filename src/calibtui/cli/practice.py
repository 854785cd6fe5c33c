"""`calibtui practice-vlm`."""

from __future__ import annotations

import argparse

from calibtui.practice import process
from calibtui.practice.options import options_from


def run(arguments: argparse.Namespace) -> int:
    return process.run(options_from(arguments))
