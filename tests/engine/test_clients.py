"""Whoever is attached: sees the same as the others, is told politely when it can't be served, and holds nobody up."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time

import httpx
import msgspec
import pytest
from tests.engines import becomes_true, connected, first, following, serving

from calibtui.core.errors import EngineGoneError, EngineRefusedError
from calibtui.engine.client.places import socket_path
from calibtui.engine.server import connections
from calibtui.engine.wire.exchange import Refused
from calibtui.engine.wire.frames import Frames
from calibtui.engine.wire.runs import Cancel, JobOutcome, Pause, Resume, Start
from calibtui.engine.wire.snapshot import STAGES


async def test_a_new_workspace_says_what_to_do_first(engine):
    snapshot = await anext(engine.snapshots())
    assert [(stage.name, stage.state) for stage in snapshot.stages] == [(name, "never") for name in STAGES]
    assert snapshot.next_step
    assert snapshot.workspace.endswith("workspace")


async def test_three_clients_see_the_same_figures_and_each_other_and_a_pause_by_one_of_them(engine_root):
    clients = [connected(engine_root, f"pts/{number}") for number in range(3)]
    async with following(clients[0]) as one, following(clients[1]) as two, following(clients[2]) as three:
        seen = (one, two, three)
        await becomes_true(lambda: all(len(each[-1].viewers) == 3 for each in seen))
        await clients[0].do(Pause())
        await becomes_true(lambda: all(each[-1].paused for each in seen))
        last = [each[-1] for each in seen]
        assert [[v.terminal for v in each.viewers if v.me] for each in last] == [["pts/0"], ["pts/1"], ["pts/2"]]
        assert len({msgspec.json.encode(msgspec.structs.replace(each, viewers=())) for each in last}) == 1
        assert all(each.paused_by for each in last)
        await clients[1].do(Resume())
        await becomes_true(lambda: not any(each[-1].paused for each in seen))
    for client in clients:
        await client.close()


async def test_a_viewer_that_leaves_is_seen_to_leave(engine_root):
    stays, leaves = connected(engine_root, "stays"), connected(engine_root, "leaves")
    stream = leaves.snapshots()
    await anext(stream)
    await first(stays, lambda now: len(now.viewers) == 2)
    await stream.aclose()
    await leaves.close()
    last = await first(stays, lambda now: len(now.viewers) == 1)
    assert [viewer.terminal for viewer in last.viewers] == ["stays"]
    await stays.close()


async def test_nothing_is_sent_while_nothing_changes(engine):
    async with following(engine) as seen:
        await asyncio.sleep(1.5)
        settled = len(seen)
        await asyncio.sleep(1.5)
        assert len(seen) == settled


async def test_a_client_that_does_not_read_holds_nobody_up_and_finds_the_newest_state(engine_root):
    sleeper = socket.socket(socket.AF_UNIX)
    sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sleeper.connect(str(socket_path(engine_root)))
    sleeper.sendall(b"GET /snapshots HTTP/1.1\r\nhost: engine\r\nx-calibtui-wire: 1\r\n\r\n")
    client = connected(engine_root)
    for _ in range(10):
        await client.do(Pause())
        await client.do(Resume())
    last = await anext(client.snapshots())
    assert last.number > 10
    sleeper.settimeout(2.0)
    received = b""
    while f'"number":{last.number},'.encode() not in received:
        received += sleeper.recv(1 << 16)
    assert received.count(b"data: ") < 10, "what it missed in between is not sent after it"
    sleeper.close()
    await client.close()


async def test_a_client_of_another_version_is_told_so(engine_root):
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket_path(engine_root)))) as client:
        for method, path in (("POST", "/ask/frames"), ("POST", "/do/pause"), ("GET", "/snapshots")):
            reply = await client.request(method, f"http://engine{path}", headers={"x-calibtui-wire": "99"})
            refused = msgspec.json.decode(reply.content, type=Refused)
            assert (reply.status_code, refused.kind) == (426, "version")
            assert "99" in refused.message and "calibtui stop" in refused.hint


async def test_another_user_is_refused(engine_root, monkeypatch):
    monkeypatch.setattr(connections, "allowed_uid", lambda: os.getuid() + 1)
    client = connected(engine_root)
    with pytest.raises(EngineRefusedError, match="answers nobody else"):
        await client.do(Pause())
    monkeypatch.undo()
    await client.close()


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can become someone else")
def test_a_real_other_user_cannot_even_reach_the_socket(engine_root):
    script = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    command = ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/env", "python3", "-c", script]
    ran = subprocess.run([*command, str(socket_path(engine_root))], capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "PermissionError" in ran.stderr or "Permission denied" in ran.stderr


async def test_nonsense_is_refused_with_a_reason(engine, engine_root):
    with pytest.raises(EngineRefusedError, match="No job nowhere"):
        await engine.do(Cancel(job="nowhere"))
    with pytest.raises(EngineRefusedError, match="no stage"):
        await engine.do(Start(stages=("dance",), confirmed=True))
    with pytest.raises(EngineRefusedError, match="no job nowhere"):
        await engine.ask(JobOutcome(job="nowhere"))
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket_path(engine_root)))) as client:
        for path, body in (("/ask/frames", b"{"), ("/ask/frames", b'{"limit":"many"}'), ("/ask/teapot", b"{}")):
            headers = {"x-calibtui-wire": "1"}
            reply = await client.post(f"http://engine{path}", content=body, headers=headers)
            assert (reply.status_code, msgspec.json.decode(reply.content, type=Refused).kind) == (400, "usage")


async def test_a_query_of_a_workspace_whose_settings_break_goes_on_with_those_from_before(engine, engine_root):
    (engine_root / "calibtui.toml").write_text("[pool]\nimages = 3\n")
    await engine.ask(Frames())
    await engine.do(Pause())
    snapshot = await first(engine, lambda now: now.warnings)
    assert "calibtui.toml" in snapshot.warnings[0]


async def test_who_asks_an_engine_that_is_gone_is_told_so(make_workspace, runtime_directory):
    root = make_workspace(pool=2)
    with serving(root):
        client = connected(root)
        stream = client.snapshots()
        await anext(stream)
        before = time.monotonic()
    with pytest.raises(EngineGoneError):
        async for _ in stream:
            pass
    with pytest.raises(EngineGoneError, match="No engine answers"):
        await client.do(Pause())
    assert time.monotonic() - before < 30
    await client.close()


def test_the_client_is_imported_without_anything_heavy():
    script = (
        "import sys; import calibtui.engine.client.socket, calibtui.engine.client.starting; "
        "print([name for name in ('httpx', 'duckdb', 'pyarrow', 'numpy', 'textual', 'asyncio') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_socket_has_a_short_address_however_deep_its_workspace_lies(tmp_path, runtime_directory):
    assert len(os.fsencode(socket_path(tmp_path / "deep" / ("x" * 200)))) <= 107
