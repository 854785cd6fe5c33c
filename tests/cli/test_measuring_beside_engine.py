"""Measurements beside a running engine: its jobs, with the output, the JSON and the exit codes of the command alone."""

from __future__ import annotations

import signal

from tests.engines import serving, until_true

from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books

PLAN = ("--strategies", "hardest", "--sizes", "4", "--calibrators", "minmax")
COMMANDS = (("diagnose", "--frames", "2"), ("coverage",), ("ablate", *PLAN), ("stability", "--sample", "24"))
OF_THIS_RUN = ("run", "report", "pass")


def without(document):
    return {key: value for key, value in document.items() if key not in OF_THIS_RUN}


def test_what_is_measured_is_the_same_with_and_without_an_engine(make_workspace, runtime_directory, calibtui):
    root = make_workspace()
    assert calibtui("--batch", "--until", "select", "--json", root).code == 0
    alone = {words[0]: calibtui(*words, "--json", root).json for words in COMMANDS}
    with serving(root):
        for words in COMMANDS:
            beside = calibtui(*words, "--json", root)
            assert beside.code == 0, beside.err
            assert "The engine of this workspace runs it" in beside.err
            assert without(beside.json) == without(alone[words[0]]), words
        anew = calibtui("diagnose", "--frames", "3", root)
        assert anew.code == 0 and "diagnose: " in anew.err, "how far it is"
        assert anew.out.strip()
        for words in COMMANDS[1:]:
            assert calibtui(*words, root).out.strip(), words


def test_what_is_wrong_ends_beside_an_engine_as_it_does_alone(make_workspace, runtime_directory, calibtui):
    root = make_workspace(pool=4)
    wrong = (("coverage",), ("diagnose",), ("stability", "--sample", "3"), ("ablate", "--sizes", "a"), ("stability",))
    alone = [calibtui(*words, root) for words in wrong]
    with serving(root):
        beside = [calibtui(*words, root) for words in wrong]
    assert [ran.code for ran in beside] == [ran.code for ran in alone] == [2] * len(wrong)
    for one, other in zip(alone, beside, strict=True):
        assert one.err.splitlines()[-1] == other.err.splitlines()[-1]


def test_ctrl_c_cancels_a_measurement_and_leaves_the_engine(make_workspace, runtime_directory, start, calibtui):
    with practice_server(PracticeOptions(latency_ms=200)) as url:
        root = make_workspace(pool=40, url=url)
        assert calibtui("score", root).code == 0
        with serving(root):
            asked = read_books(url)["requests"]
            process = start("stability", "--sample", "40", "--json", root)
            until_true(lambda: read_books(url)["requests"] >= asked + 6)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            assert process.returncode == 130, err
            assert calibtui("status", root).code == 0
