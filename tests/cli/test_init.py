"""`calibtui init` finds what lies in a directory and writes a file that works as it is."""

from __future__ import annotations

from calibtui.workspace.load import load_settings


def test_it_finds_pool_evaluation_annotations_and_model_and_the_result_runs(make_workspace, calibtui):
    root = make_workspace()
    (root / "calibtui.toml").unlink()
    result = calibtui("init", root)
    assert result.code == 0, result.err
    settings = load_settings(root)
    assert settings.pool.images == ("pool",)
    assert settings.evaluation.images == ("eval",)
    assert settings.evaluation.annotations == "eval.json"
    assert settings.model.onnx == "detector.onnx"
    ran = calibtui("--batch", "--json", "--set", "selection.size=4", root)
    assert ran.code == 0, ran.err


def test_what_it_decided_about_the_model_stands_in_the_file_as_comments(make_workspace, calibtui):
    root = make_workspace()
    (root / "calibtui.toml").unlink()
    calibtui("init", root)
    assert "# the input is" in (root / "calibtui.toml").read_text()


def test_a_file_that_is_there_stays_unless_forced(make_workspace, calibtui):
    root = make_workspace()
    before = (root / "calibtui.toml").read_text()
    result = calibtui("init", root)
    assert result.code == 2
    assert "--force" in result.err
    assert (root / "calibtui.toml").read_text() == before
    assert calibtui("init", "--force", root).code == 0
    assert (root / "calibtui.toml").read_text() != before


def test_an_empty_directory_gets_a_file_that_says_what_is_missing(tmp_path, calibtui):
    result = calibtui("init", tmp_path)
    assert result.code == 0
    assert "still missing: [pool] images" in result.out
    assert "still missing: [model] onnx" in result.out
    assert "[pool] images: images does not exist" in calibtui("--batch", tmp_path).err


def test_a_model_that_can_not_be_used_is_said(make_workspace, calibtui):
    root = make_workspace()
    (root / "calibtui.toml").unlink()
    (root / "detector.onnx").write_bytes(b"rubbish")
    result = calibtui("init", root)
    assert result.code == 0
    assert "still missing: [model]" in result.out
    load_settings(root)


def test_file_names_can_not_break_out_of_the_toml(tmp_path, calibtui, sample_data):
    hostile = tmp_path / 'pool"]\n[model'
    hostile.mkdir()
    (hostile / "a.jpg").write_bytes(next((sample_data / "pool").rglob("*.jpg")).read_bytes())
    result = calibtui("init", tmp_path)
    assert result.code == 0, result.err
    assert load_settings(tmp_path).pool.images == ('pool"]\n[model',)
    assert "\n[model" not in result.out


def test_annotations_that_lie_with_the_evaluation_frames_are_not_taken_for_the_pools(make_workspace, calibtui):
    root = make_workspace()
    (root / "calibtui.toml").unlink()
    (root / "eval").rename(root / "images")
    (root / "eval").mkdir()
    (root / "images").rename(root / "eval" / "images")
    (root / "eval.json").rename(root / "eval" / "annotations.json")
    result = calibtui("init", root)
    assert result.code == 0, result.err
    settings = load_settings(root)
    assert settings.evaluation.annotations == "eval/annotations.json"
    assert settings.pool.annotations is None
