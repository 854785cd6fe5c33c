"""A Ray cluster of this machine does the same jobs with the same results, and a Ray that isn't there says what to do.

`make test-ray` runs these with Ray installed into build/ray.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from contextlib import closing
from pathlib import Path

import pytest
from tests.pipeline.workers.kits import Lengths, Squares, Troubled, Unopened

from calibtui.core.errors import CalibtuiError, ConfigurationError, InterruptedByUser, ModelError
from calibtui.core.progress import StopFlag
from calibtui.pipeline.workers.files import FilesHere
from calibtui.pipeline.workers.kit import in_order
from calibtui.pipeline.workers.ray_cluster import RayCluster

NOWHERE = "127.0.0.1:1"
REPOSITORY = Path(__file__).resolve().parents[3]
has_ray = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not has_ray, reason="Ray is not installed: pip install 'calibtui[ray]'")


@pytest.fixture(scope="module", autouse=True)
def kits_are_found():
    """By Ray's workers, whose directory is another one."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")])))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    yield
    patch.undo()


def crew_of(kit, stop: StopFlag | None = None, size: int = 2):
    return closing(RayCluster(kit, "local", size, StopFlag() if stop is None else stop))


@pytest.mark.skipif(has_ray, reason="Ray is installed")
def test_without_ray_the_extra_is_named():
    with pytest.raises(ConfigurationError) as raised:
        RayCluster(Unopened(), "auto", 2, StopFlag())
    assert "calibtui[ray]" in raised.value.hint


@needs_ray
def test_results_are_the_same_in_the_same_order(tmp_path):
    with crew_of(Squares(tmp_path)) as crew:
        done = list(in_order(crew.finished(range(12))))
        again = list(in_order(crew.finished([5, 6])))
    assert [each.result for each in done] == [number * number for number in range(12)]
    assert [each.result for each in again] == [25, 36]
    assert str(os.getpid()) not in [path.name for path in tmp_path.iterdir()]


@needs_ray
def test_files_are_read_from_the_object_store_and_not_from_their_paths(tmp_path):
    paths = [tmp_path / str(number) for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * ((4 << 20) * number + 1))
    with crew_of(Lengths(FilesHere(tuple(paths)))) as crew:
        first = next(crew.finished([0]))
        shutil.rmtree(tmp_path)
        rest = [done.result for done in in_order(crew.finished([4, 1, 3, 2]))]
    assert first.result == 1
    assert rest == [(4 << 20) * number + 1 for number in (4, 1, 3, 2)]


@needs_ray
def test_what_a_job_or_a_kit_raises_is_raised_here(tmp_path):
    for kit, jobs, said in ((Troubled(tmp_path), ["fine", "refuse"], "taste"), (Unopened(), [1], "won't do")):
        with crew_of(kit) as crew, pytest.raises(ModelError, match=said) as raised:
            list(crew.finished(jobs))
        assert raised.value.hint


@needs_ray
def test_the_job_of_a_lost_worker_is_done_by_another(tmp_path):
    with crew_of(Troubled(tmp_path / "at")) as crew:
        done = list(in_order(crew.finished(["one", "die once", "two", "three"])))
    assert [each.result for each in done] == ["one", "die once", "two", "three"]


@needs_ray
def test_a_worker_that_is_lost_again_and_again_is_one_error(tmp_path):
    with crew_of(Troubled(tmp_path)) as crew, pytest.raises(CalibtuiError, match="A worker on the Ray cluster is lost"):
        list(crew.finished(["die"]))


@needs_ray
def test_whoever_stops_it_gets_away(tmp_path):
    stop = StopFlag()
    with crew_of(Troubled(tmp_path / "at"), stop) as crew, pytest.raises(InterruptedByUser):
        for _ in crew.finished(["fine", "hang", "hang"]):
            stop.set()


@needs_ray
def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError) as raised:
        RayCluster(Unopened(), NOWHERE, 2, StopFlag())
    assert NOWHERE in raised.value.message


@needs_ray
def test_signals_of_a_run_stay_its_own():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with crew_of(Unopened()):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
