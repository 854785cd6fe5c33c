"""What every test may ask for."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.engines import connected, serving

from calibtui.engine.client.socket import SocketEngine
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server

REPOSITORY = Path(__file__).resolve().parent.parent

WORKSPACE = """\
[pool]
images = "pool"
[model]
onnx = "detector.onnx"
[evaluation]
images = "eval"
annotations = "eval.json"
replicates = 200
[scoring]
judge = "vlm"
model = "practice-vlm-1"
concurrency = 4
[providers.practice]
base_url = "{url}"
[providers.practice.models."practice-vlm-1"]
eur_per_million_input = 2.30
eur_per_million_output = 9.20
[cache]
canary = false
[selection]
strategy = "hardest-nms"
size = 8
"""


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


@pytest.fixture(scope="session")
def practice_url() -> Iterator[str]:
    """The base_url of a practice judge that runs for the whole session; its books count every test's requests."""
    with practice_server(PracticeOptions()) as url:
        yield url


@pytest.fixture
def make_workspace(tmp_path: Path, sample_data: Path, practice_url: str) -> Callable[..., Path]:
    """Makes a small workspace of sample data: `pool` frames to choose from, `evaluation` annotated ones."""

    def make(pool: int = 24, evaluation: int = 12, document: str = WORKSPACE, url: str = practice_url) -> Path:
        root = tmp_path / "workspace"
        (root / "pool").mkdir(parents=True)
        (root / "eval").mkdir()
        sources = sorted((sample_data / "pool").rglob("*.jpg"))
        step = max(1, len(sources) // pool)
        for number, source in enumerate(sources[::step][:pool]):
            shutil.copy2(source, root / "pool" / f"{number:04}.jpg")
        _copy_evaluation(sample_data, root, evaluation)
        shutil.copy2(sample_data / "detector.onnx", root / "detector.onnx")
        (root / "calibtui.toml").write_text(document.format(url=url))
        return root

    return make


@pytest.fixture
def runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Engines' sockets of this test are in a directory of its own, with a path that is short enough."""
    with tempfile.TemporaryDirectory(prefix="calibtui-test-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield Path(directory)


@pytest.fixture
def engine_root(make_workspace: Callable[..., Path], runtime_directory: Path) -> Iterator[Path]:
    """A workspace of 24 frames whose engine runs while the test does."""
    root = make_workspace()
    with serving(root):
        yield root


@pytest_asyncio.fixture
async def engine(engine_root: Path) -> AsyncIterator[SocketEngine]:
    """A client of a running engine with a practice judge; nothing has been done in its workspace yet."""
    client = connected(engine_root)
    yield client
    await client.close()


def _copy_evaluation(sample_data: Path, root: Path, count: int) -> None:
    truth = json.loads((sample_data / "eval.json").read_text())
    annotated = {annotation["image_id"] for annotation in truth["annotations"]}
    images = [image for image in truth["images"] if image["id"] in annotated]
    kept = images[:: max(1, len(images) // count)][:count]
    identifiers = {image["id"] for image in kept}
    for image in kept:
        shutil.copy2(_eval_file(sample_data, image), root / "eval" / Path(image["file_name"]).name)
    annotations = [annotation for annotation in truth["annotations"] if annotation["image_id"] in identifiers]
    images = [{**image, "file_name": Path(image["file_name"]).name} for image in kept]
    (root / "eval.json").write_text(json.dumps({**truth, "images": images, "annotations": annotations}))


def _eval_file(sample_data: Path, image: dict) -> Path:
    """COCO file names may or may not begin with the directory."""
    name = image["file_name"]
    return sample_data / name if (sample_data / name).is_file() else sample_data / "eval" / name
