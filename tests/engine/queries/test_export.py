"""What other tools are handed: whole, self-contained, and the frames that were chosen."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.engine.queries.conftest import DOCUMENT
from tests.engines import serving

from calibtui.cli.main import main
from calibtui.core.errors import ConfigurationError
from calibtui.detector.detector import Detector
from calibtui.engine.wire.sets import Export, Lock, Turn
from calibtui.pipeline.calibration_reader import prepared
from calibtui.pipeline.coco_export import coco_document
from calibtui.pipeline.tensorrt_cache import tensorrt_cache
from calibtui.pool.coco import load_coco
from calibtui.pool.images import open_rgb
from calibtui.selection.manifest import read_manifest
from calibtui.workspace.settings import InputSettings


@pytest.fixture
def locked(make_desk, sample_data):
    """Twelve scored frames and a detector, the four hardest locked as release-7."""
    document = DOCUMENT + '[model]\nonnx = "detector.onnx"\n'
    desk = make_desk(
        document=document, prepare=lambda root: shutil.copy2(sample_data / "detector.onnx", root / "detector.onnx")
    )
    desk.score([place / 20 for place in range(12)])
    desk.do(Lock(name="release-7"))
    return desk


def imported(path: Path):
    spec = importlib.util.spec_from_file_location(f"reader_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_manifest_alone_is_what_is_asked_for_by_default(locked, tmp_path):
    done = locked.do(Export(to=str(tmp_path / "out")))
    assert [Path(file).name for file in done.files] == ["calibration-set.json"]
    assert read_manifest(Path(done.files[0]))["size"] == 4


def test_frames_are_copied_or_linked_under_names_that_cannot_meet(locked, tmp_path):
    locked.do(Export(to=str(tmp_path / "copied"), what=("images",)))
    locked.do(Export(to=str(tmp_path / "linked"), what=("links",)))
    names = json.loads((tmp_path / "copied" / "frames" / "names.json").read_text())
    for file, uri in names.items():
        copied, linked = tmp_path / "copied" / "frames" / file, tmp_path / "linked" / "frames" / file
        assert copied.read_bytes() == (locked.root / uri).read_bytes() == linked.read_bytes()
        assert linked.is_symlink() and not copied.is_symlink()
    with pytest.raises(ConfigurationError):
        locked.do(Export(to=str(tmp_path / "both"), what=("images", "links")))


def test_the_reader_feeds_what_the_detector_is_fed_without_calibtui(locked, tmp_path):
    locked.do(Export(to=str(tmp_path / "out"), what=("images", "reader")))
    reader_file = tmp_path / "out" / "calibration_reader.py"
    assert "calibtui" not in reader_file.read_text()
    reader = imported(reader_file).FrameReader()
    detector = Detector.load(locked.context.settings.model, locked.root)
    names = json.loads((tmp_path / "out" / "frames" / "names.json").read_text())
    for file in sorted(names):
        ours = detector.feed(detector.prepare(open_rgb(locked.root / names[file]))[0])
        theirs = reader.get_next()
        assert theirs.keys() == ours.keys()
        for name, value in ours.items():
            assert theirs[name].dtype == value.dtype
            np.testing.assert_allclose(theirs[name], value, atol=1e-5)
    assert reader.get_next() is None
    reader.rewind()
    assert reader.get_next() is not None


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("align", ["center", "top-left"])
@pytest.mark.parametrize("frame", [(64, 48), (31, 90), (32, 32), (200, 7)])
def test_the_reader_prepares_any_frame_as_the_detector_does(resize, align, frame):
    from calibtui.detector.preparation import prepare

    recipe = InputSettings((48, 32), resize, align, (103.5, 116.3, 123.7), (57.4, 57.1, 58.4), 1.0, "bgr", 114)
    settings = {name: getattr(recipe, name) for name in recipe.__slots__}
    pixels = np.random.default_rng(0).integers(0, 256, (frame[1], frame[0], 3), np.uint8)
    np.testing.assert_allclose(prepared(pixels, settings), prepare(pixels, recipe)[0], atol=1e-5)


def test_the_set_as_coco_json_is_read_back_with_the_same_objects(locked, tmp_path):
    locked.do(Export(to=str(tmp_path / "out"), what=("coco", "images")))
    document = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert len(document["images"]) == 4 and all(image["width"] == 64 for image in document["images"])
    uris = [image["file_name"] for image in document["images"]]
    assert all((tmp_path / "out" / uri).is_file() for uri in uris)
    read = load_coco(tmp_path / "out" / "coco.json", uris, lambda _: (64, 48), None)
    assert read.classes == ("dent", "scratch")
    manifest = read_manifest(locked.context.state / locked.store.set_names.sets()[0].manifest)
    annotated = [frame["uri"] for frame in manifest["frames"] if not frame["uri"].endswith("05.png")]
    expected = sum(int(uri[-6:-4]) % 3 + int(uri[-6:-4]) % 2 for uri in annotated)
    assert len(document["annotations"]) == expected > 0


def test_a_set_without_annotations_is_images_alone():
    assert coco_document({"a": "a"}, {"a": (4, 3)}, None)["annotations"] == []


def test_a_tensorrt_cache_holds_the_scale_of_every_range():
    lines = tensorrt_cache({"b": (-1.0, 254.0), "a": (-12.7, 3.0), "z": (0.0, 0.0)}).splitlines()
    assert lines[0].startswith("TRT-") and [line.split(": ")[0] for line in lines[1:]] == ["a", "b", "z"]
    scales = [struct.unpack(">f", bytes.fromhex(line.split(": ")[1]))[0] for line in lines[1:]]
    assert scales == pytest.approx([0.1, 2.0, 1 / 127])


def test_without_an_int8_model_of_the_set_there_is_no_tensorrt_cache(locked, tmp_path):
    with pytest.raises(ConfigurationError, match="release-7"):
        locked.do(Export(to=str(tmp_path / "out"), what=("tensorrt-cache",)))
    assert not (tmp_path / "out").exists() and list(tmp_path.glob(".*")) == []


def test_an_older_set_is_exported_by_name(locked, tmp_path):
    locked.do(Turn(key="selection.size", value="2"))
    locked.do(Lock(name="release-8"))
    locked.do(Export(to=str(tmp_path / "new")))
    locked.do(Export(to=str(tmp_path / "old"), name="release-7"))
    sizes = [read_manifest(tmp_path / name / "calibration-set.json")["size"] for name in ("new", "old")]
    assert sizes == [2, 4]


def test_a_frame_that_changed_since_is_refused_and_nothing_is_left(locked, tmp_path):
    manifest = read_manifest(locked.context.state / locked.store.set_names.sets()[0].manifest)
    uri = manifest["frames"][0]["uri"]
    (locked.root / uri).write_bytes(b"another")
    with pytest.raises(ConfigurationError, match=uri):
        locked.do(Export(to=str(tmp_path / "out"), what=("images",)))
    assert not (tmp_path / "out").exists()


def test_an_export_never_writes_over_and_knows_what_there_is(locked, tmp_path):
    (tmp_path / "there").mkdir()
    for command in (
        Export(to=str(tmp_path / "there")),
        Export(to=""),
        Export(to=str(tmp_path / "x"), what=("everything",)),
        Export(to=str(tmp_path / "x"), name="no such set"),
    ):
        with pytest.raises(ConfigurationError):
            locked.do(command)
    assert not (tmp_path / "x").exists()


def test_the_command_writes_the_same_with_and_without_an_engine(locked, tmp_path, capsys):
    def exported(name: str) -> list[str]:
        capsys.readouterr()
        options = ["--images", "copy", "--with", "reader,coco", "--name", "release-7", "--json"]
        assert main(["export", str(locked.root), "--to", str(tmp_path / name), *options]) == 0
        return json.loads(capsys.readouterr().out)["files"]

    locked.store.close()
    headless = exported("headless")
    with serving(locked.root):
        assert exported("by-engine") == headless
    assert {"calibration-set.json", "calibration_reader.py", "coco.json", "frames/names.json"} <= set(headless)
    for file in headless:
        assert (tmp_path / "by-engine" / file).read_bytes() == (tmp_path / "headless" / file).read_bytes()
