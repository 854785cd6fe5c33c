"""Parts of the engine by themselves: events out of bytes, counts of workers, file systems, stages, the board."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.engines import becomes_true

from calibtui.core.progress import Progress
from calibtui.core.scores import CallRecord, Score
from calibtui.engine.client.events import EventParser
from calibtui.engine.jobs.live import LiveRun
from calibtui.engine.jobs.messages import Report
from calibtui.engine.jobs.relayed_metrics import RelayedMetrics, by_label, collected, value_of
from calibtui.engine.jobs.watched_metrics import WatchedMetrics
from calibtui.engine.server.board import Board
from calibtui.engine.server.file_system import file_system, network_warning
from calibtui.engine.server.stages import NewestSet, made_by, outdated_stages
from calibtui.engine.wire.snapshot import Snapshot, Stage, Viewer
from calibtui.store.jobs import JobRow, StageRow
from calibtui.store.runs import RunRow
from calibtui.store.store import Store


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_come_whole_out_of_pieces_of_any_size(size):
    stream = b': hello\n\ndata: {"a":1}\n\nevent: x\r\ndata: one\r\ndata: two\r\n\r\ndata: unfinished\n'
    parser = EventParser()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [event for piece in pieces for event in parser.feed(piece)] == [b'{"a":1}', b"one\ntwo"]


def call(digest, cost=5, status="ok"):
    return CallRecord("c", digest, "p", "m", "m", "id", status, 1, 10, 2, True, cost, 100.0, 0.0)


def score(digest):
    return Score("u", digest, 0.5, (), "p@1", "d", "m", "m", "p", 1, None, 10, 2, 5, None, 100.0, 0.0)


def test_what_workers_counted_is_added_up_and_stays_when_they_end():
    metrics, one, two = RelayedMetrics(), WatchedMetrics(), WatchedMetrics()
    one.calls.observe([call("a"), score("a")])
    one.calls.in_flight.labels("p").set(3)
    metrics.report("one", collected(one))
    two.calls.observe([call("b"), score("b"), call("c", status="upstream")])
    metrics.report("two", collected(two))
    metrics.report("two", collected(two))
    assert value_of(metrics.registry.collect(), "calibtui_frames_scored_total") == 2
    metrics.ended("one")
    metrics.ended("never begun")
    families = list(metrics.registry.collect())
    assert value_of(families, "calibtui_frames_scored_total") == 2
    assert by_label(families, "calibtui_calls_total", "status") == {"ok": 2, "upstream": 1}
    assert value_of(families, "calibtui_call_duration_seconds_count") == 2
    assert value_of(families, "calibtui_requests_in_flight") == 0, "a worker that ended has nothing under way"
    assert value_of(families, "process_cpu_seconds_total") > 0


def test_a_forecast_is_told_from_what_was_measured():
    metrics = WatchedMetrics()
    assert metrics.watched_calls.forecast(10) is None
    metrics.calls.observe([call(f"{number}", cost=4 + number % 3) for number in range(60)])
    likely, low, high = metrics.watched_calls.forecast(100)
    assert low < likely == 500 < high
    assert metrics.watched_calls.latency_ms_p50() == 100.0


def test_a_workspace_on_a_network_file_system_is_warned_of(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nbox:/data /data nfs4 rw 0 0\n/dev/sdb /data/fast xfs rw 0 0\n")
    assert file_system(Path("/data/line3"), mounts) == "nfs4"
    assert file_system(Path("/data/fast/line3"), mounts) == "xfs"
    assert file_system(Path("/database"), mounts) == "ext4"
    assert "nfs4" in network_warning(Path("/data/line3"), mounts)[0]
    assert network_warning(Path("/data/fast/x"), mounts) == ()


def run(name, ended, **summary):
    made = made_by(RunRow(name, "job", "done", ended - 1, ended, summary))
    assert made is not None
    return made


SCORING = {"cache_hits": {"exact": 0, "similar": 0}, "scored": 1, "spent_eur": 0.0, "failed": 0, "remaining": 0}
SELECTION = {"size": 4, "strategy": "hardest"}
QUANTIZATION = {"target": "ort-cpu", "calibrator": "mse", "frames": 4}


def chosen(manifest, at, digest="sha256:a"):
    return NewestSet(digest, manifest, at, "4 frames by hardest")


def outdated(runs, newest, rows, scored_at=None, made_of=None):
    return outdated_stages(runs, newest, rows, scored_at or {}, lambda model: (made_of or {}).get(model, ""))


def test_a_set_is_outdated_by_scores_that_came_after_it_and_not_by_those_it_was_made_of():
    whole = run("one", 10.0, scoring=SCORING | {"calls": 4}, selection=SELECTION | {"manifest": "/a"})
    rows = {"select": StageRow("select", "one", "done", 8.0, 9.0)}
    newest = chosen("/a", None)
    assert outdated([whole], newest, rows, {"one": 7.0}) == set()
    hits_alone = run("two", 20.0, scoring=SCORING | {"calls": 0})
    assert outdated([whole, hits_alone], newest, rows, {"one": 7.0, "two": 20.0}) == set()
    asked = run("three", 30.0, scoring=SCORING | {"calls": 1})
    assert outdated([whole, hits_alone, asked], newest, rows, {"one": 7.0, "three": 29.0}) == {"select"}


def test_a_run_that_goes_on_after_its_scoring_does_not_outdate_what_was_chosen_from_its_scores_meanwhile():
    long = run("one", 100.0, scoring=SCORING | {"calls": 4}, selection=SELECTION | {"manifest": "/a"})
    rows = {"select": StageRow("select", "two", "done", 30.0, 31.0)}
    assert outdated([long], chosen("/a", None), rows, {"one": 10.0}) == set()
    assert outdated([long], chosen("/a", None), rows, {"one": 32.0}) == {"select"}


def test_a_set_that_was_locked_by_hand_after_scoring_is_up_to_date():
    scored = run("two", 20.0, scoring=SCORING | {"calls": 4})
    rows = {"select": StageRow("select", "one", "done", 8.0, 9.0)}
    assert outdated([scored], chosen("/b", 25.0), rows, {"two": 20.0}) == set()
    assert outdated([scored], chosen("/b", 25.0), {}, {"two": 26.0}) == {"select"}


def test_a_model_is_outdated_by_another_set_and_current_again_with_the_one_it_was_made_of():
    first = run("one", 1.0, selection=SELECTION | {"manifest": "/a"}, quantization=QUANTIZATION | {"model": "/m"})
    assert "quantize" not in outdated([first], chosen("/a", 1.0), {})
    assert "quantize" in outdated([first], chosen("/b", 1.0), {})
    back = run("two", 2.0, selection=SELECTION | {"manifest": "/a"})
    assert "quantize" not in outdated([first, back], chosen("/a", 2.0), {})


def test_a_model_of_a_set_that_was_locked_by_hand_is_current_by_the_record_beside_it():
    first = run("one", 1.0, selection=SELECTION | {"manifest": "/a"}, quantization=QUANTIZATION | {"model": "/m"})
    second = run("two", 3.0, quantization=QUANTIZATION | {"model": "/n"})
    locked = chosen("/b", 2.0, "sha256:b")
    made_of = {"/m": "sha256:a", "/n": "sha256:b"}
    assert outdated([first], locked, {}, made_of=made_of) == {"quantize", "evaluate"}
    assert "quantize" not in outdated([first, second], locked, {}, made_of=made_of)


def test_stages_of_a_running_job_are_queued_running_and_done_in_its_own_order_whatever_is_read_meanwhile():
    live = LiveRun("r", ("score", "select", "evaluate"), "m", "p")
    live.told(Report(progress=(Progress("pool", 3, 9, "looking for files"),)))

    def seen():
        return {name: stage.state for name, stage in live.stages(False).items()}

    assert seen() == {"score": "queued", "select": "queued", "evaluate": "queued"}, "evaluation frames are no stage"
    live.moved("score", "running")
    assert seen() == {"pool": "running", "score": "running", "select": "queued", "evaluate": "queued"}
    live.moved("score", "done")
    live.moved("select", "running")
    live.moved("select", "done")
    live.moved("evaluate", "running")
    assert seen() == {"score": "done", "select": "done", "evaluate": "running"}


def test_a_pool_that_the_job_has_indexed_is_not_indexed_again_when_a_later_stage_looks_for_files():
    live = LiveRun("r", ("pool", "score"), "m", "p")
    live.moved("pool", "done")
    live.moved("score", "running")
    live.told(Report(progress=(Progress("pool", 0, 0, "looking for files"),)))
    assert live.stages(False)["pool"].state == "done"


def test_a_summary_of_a_shape_that_nobody_knows_is_passed_over():
    assert made_by(RunRow("r", "job", "done", 0.0, 1.0, {"scoring": {"odd": 1}})) is None
    assert made_by(RunRow("r", "job", "killed", 0.0, None, None)) is None


def snapshot(**content):
    stages = (Stage(name="pool", state="never"),)
    base = {"wire": 1, "version": "0", "workspace": "/w", "number": 0, "data": 0, "at": 0.0, "engine_started_at": 0.0}
    return Snapshot(**{**base, "stages": stages, **content})


async def test_the_board_counts_changes_and_a_slow_reader_finds_the_newest():
    board = Board(snapshot())
    assert not board.publish(snapshot()) and board.current.number == 0
    seen = []

    async def read():
        with board.watched_by(Viewer(user="me", terminal="t", since=0.0)) as me:
            async for each in board.stream(me, 0.05):
                seen.append(each)

    reading = asyncio.create_task(read())
    await becomes_true(lambda: bool(seen))
    for data in range(1, 6):
        assert board.publish(snapshot(data=data))
    await becomes_true(lambda: len([each for each in seen if each]) == 2)
    assert [each.number for each in seen if each] == [0, 5]
    await becomes_true(lambda: seen[-1] is None)
    board.close()
    await reading
    assert board.viewers == ()


def test_the_queue_is_durable_and_keeps_its_order(tmp_path):
    with Store(tmp_path) as store:
        for number, state in enumerate(("queued", "running", "done", "queued")):
            names = (f"j{number}", f"r{number}", "t")
            store.jobs.write(JobRow(*names, ("score",), ("a.b=1",), state, 0, "me", True, 0, float(number)))
        store.jobs.set_note("paused by", "me")
    with Store(tmp_path) as store:
        assert [row.name for row in store.jobs.unfinished()] == ["j0", "j1", "j3"]
        assert [row.name for row in store.jobs.newest()] == ["j2"]
        assert store.jobs.job("j3").overrides == ("a.b=1",)
        assert store.jobs.of_run("r1").name == "j1"
        assert (store.jobs.note("paused by"), store.jobs.note("else")) == ("me", "")
