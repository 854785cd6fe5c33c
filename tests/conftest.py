"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory of real detectors and annotated frames, which is not part of the repository."""
    path = Path(os.environ.get("CALIBTUI_SHARED", REPOSITORY.parent / "shared" / "data"))
    if not (path / "coco128" / "eval.json").is_file():
        pytest.skip("real detectors and frames are missing: set CALIBTUI_SHARED to their directory")
    return path


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The repository's own sample data."""
    return REPOSITORY / "sample_data"
