"""The practice judge as a process of its own: started, asked for its books, ended with whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from subprocess import PIPE
from typing import IO, Any
from urllib.parse import urlsplit

from calibtui.core.errors import ConfigurationError
from calibtui.practice.options import PracticeOptions, parse_options

READY_WITHIN_S = 60.0
CLOSED_WITHIN_S = 2.0


@contextlib.contextmanager
def practice_server(options: PracticeOptions | None = None) -> Iterator[str]:
    """The base_url of a practice judge that runs as a subprocess until the block ends, or this process does.

    Raises ConfigurationError with the subprocess's last words where it does not come up.
    """
    wanted = replace(options or PracticeOptions(), until_stdin_closes=True)
    command = [sys.executable, "-m", "calibtui.practice", *wanted.arguments()]
    # A session of its own: ctrl+c at the terminal is for the run, which still needs its judge to wind down.
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True) as process:
        try:
            yield _ready_url(process)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def read_books(base_url: str) -> dict[str, Any]:
    """The books of the practice judge at `base_url`."""
    parts = urlsplit(base_url)
    address = f"{parts.scheme}://{parts.netloc}/books"
    # No proxy: the judge is on loopback, whatever the environment says of proxies.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=10) as reply:
        books: dict[str, Any] = json.load(reply)
    return books


def _ready_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None and process.stderr is not None
    line = _first_line(process.stdout, time.monotonic() + READY_WITHIN_S)
    if line.startswith("http://"):
        return line
    process.kill()
    said = process.stderr.read().strip().splitlines()
    last = said[-1] if said else "it said nothing"
    raise ConfigurationError(f"The practice judge did not come up: {last}", "Start `calibtui practice-vlm` by hand.")


def _first_line(stream: IO[str], until: float) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(max(0.0, until - time.monotonic())):
            return ""
    return stream.readline().strip()


def run(options: PracticeOptions) -> int:
    """Serves until SIGINT or SIGTERM (or the end of standard input); prints the base_url as the first line on
    stdout."""
    asyncio.run(_run(options))
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = parse_options(arguments)
    try:
        return run(options)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return error.exit_code


async def _run(options: PracticeOptions) -> None:
    from calibtui.practice.server import serve

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _on_stdin, loop, ended)
    server = await serve(options)
    try:
        print(server.url, flush=True)
        await ended.wait()
    finally:
        # Whoever asked may be gone in the middle of a request: nobody is worth waiting for.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.close(), CLOSED_WITHIN_S)


def _on_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        # The end of a file is ready to be read for ever: watched on, it would keep a core busy.
        loop.remove_reader(sys.stdin.fileno())
        ended.set()
