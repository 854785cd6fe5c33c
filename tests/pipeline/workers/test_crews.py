"""Jobs side by side: the same results in the same order, and no process that outlives who asked for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.pipeline.workers.kits import Squares, Troubled, Unopened

from calibtui.core.errors import CalibtuiError, InterruptedByUser, ModelError
from calibtui.core.progress import StopFlag
from calibtui.pipeline.workers.alone import Alone
from calibtui.pipeline.workers.kit import in_order
from calibtui.pipeline.workers.processes import Processes

PATIENCE_S = 60
REPOSITORY = Path(__file__).resolve().parents[3]


def crew_of(size: int, kit, stop: StopFlag | None = None):
    stop = StopFlag() if stop is None else stop
    return closing(Alone(kit, stop) if size == 1 else Processes(kit, size, stop))


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def hung(folder: Path, count: int) -> list[int]:
    """The processes that are in the middle of a job, once there are so many."""
    ends = time.monotonic() + PATIENCE_S
    while len(found := list(folder.glob("at.*"))) < count and time.monotonic() < ends:
        time.sleep(0.05)
    assert len(found) == count
    return [int(path.suffix[1:]) for path in found]


def gone(pids: list[int]) -> bool:
    ends = time.monotonic() + PATIENCE_S
    while any(map(alive, pids)) and time.monotonic() < ends:
        time.sleep(0.05)
    return not any(map(alive, pids))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_results_are_the_same_in_the_same_order_whatever_the_number_of_workers(tmp_path, size):
    with crew_of(size, Squares(tmp_path)) as crew:
        done = list(in_order(crew.finished(range(20))))
    assert [each.result for each in done] == [number * number for number in range(20)]
    assert [each.place for each in done] == list(range(20))
    assert all(each.seconds > 0 for each in done)
    assert len(list(tmp_path.iterdir())) == size


def test_what_is_done_first_is_told_first(tmp_path):
    with crew_of(2, Squares(tmp_path)) as crew:
        assert next(iter(crew.finished(range(6)))).place == 1


def test_a_crew_of_one_starts_no_process(tmp_path):
    with crew_of(1, Squares(tmp_path)) as crew:
        list(crew.finished([1, 2]))
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]


def test_no_process_is_started_for_nothing(tmp_path):
    with crew_of(2, Unopened()) as crew:
        assert list(crew.finished([])) == []


def test_jobs_that_nobody_waits_for_leave_no_answer_behind(tmp_path):
    with crew_of(2, Squares(tmp_path)) as crew:
        assert next(iter(crew.finished([0, 1, 2, 3]))).place == 1
        again = list(in_order(crew.finished([5, 6, 7])))
    assert [(each.place, each.result) for each in again] == [(0, 25), (1, 36), (2, 49)]


@pytest.mark.parametrize("size", [1, 2])
def test_what_a_job_raises_is_raised_here(tmp_path, size):
    with crew_of(size, Troubled(tmp_path / "at")) as crew, pytest.raises(ModelError) as raised:
        list(crew.finished(["fine", "refuse"]))
    assert (raised.value.message, raised.value.hint) == ("The model is not to the worker's taste.", "Give it another.")


def test_a_fault_in_a_worker_tells_where_it_was(tmp_path):
    with crew_of(2, Troubled(tmp_path / "at")) as crew, pytest.raises(ZeroDivisionError) as raised:
        list(crew.finished(["crash"]))
    assert "kits.py" in "".join(raised.value.__notes__)


def test_a_kit_that_cannot_be_opened_says_why():
    with crew_of(2, Unopened()) as crew, pytest.raises(ModelError, match="This machine won't do"):
        list(crew.finished([1, 2, 3]))


def test_a_lost_worker_is_one_error_that_names_how_it_ended(tmp_path):
    with crew_of(2, Troubled(tmp_path / "at")) as crew, pytest.raises(CalibtuiError) as raised:
        list(crew.finished(["fine", "die", "fine"]))
    assert "SIGKILL" in raised.value.message
    assert "[trials] workers" in raised.value.hint


def test_whoever_stops_it_ends_all_workers_in_the_middle_of_their_jobs(tmp_path):
    stop, pids = StopFlag(), []

    def interrupt():
        pids.extend(hung(tmp_path, 2))
        stop.set()

    watching = threading.Thread(target=interrupt)
    watching.start()
    with crew_of(2, Troubled(tmp_path / "at"), stop) as crew, pytest.raises(InterruptedByUser):
        list(crew.finished(["hang", "hang"]))
    watching.join()
    assert len(pids) == 2 and gone(pids)


def test_workers_end_with_a_process_that_is_killed(tmp_path):
    program = textwrap.dedent(f"""
        from pathlib import Path
        from calibtui.core.progress import StopFlag
        from calibtui.pipeline.workers.processes import Processes
        from tests.pipeline.workers.kits import Troubled
        list(Processes(Troubled(Path({str(tmp_path / "at")!r})), 2, StopFlag()).finished(["hang", "hang"]))
    """)
    asking = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY)
    try:
        pids = hung(tmp_path, 2)
        # A key of the terminal goes to whoever asks, not to the workers.
        assert {os.getsid(pid) for pid in pids}.isdisjoint({os.getsid(asking.pid)})
        os.kill(asking.pid, signal.SIGKILL)
        assert gone(pids)
    finally:
        asking.kill()
        asking.wait()
