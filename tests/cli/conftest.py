"""Running calibtui as its user does."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image

from calibtui.cli.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def calibtui(capsys) -> Callable[..., Ran]:
    """Runs one command line in this process."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts one command line as a process of its own."""

    def run(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "calibtui", *(str(argument) for argument in arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return run


@dataclass(frozen=True)
class Asked:
    """A question: the model, the body as it arrived and with the picture's pixels in the place of its file, and how
    often just that has come before."""

    model: str
    arrived: bytes
    body: bytes
    before: int


_PICTURE = re.compile(rb"(?<=data:image/jpeg;base64,)[A-Za-z0-9+/=]+")


def _pixels(encoded: re.Match[bytes]) -> bytes:
    with Image.open(io.BytesIO(base64.b64decode(encoded[0]))) as picture:
        return hashlib.sha256(picture.tobytes()).hexdigest().encode()


class ScriptedJudge(ThreadingHTTPServer):
    """A judge that says what its script says, of pictures that it doesn't look at. `says`: a question to a difficulty
    of 0 to 100; `completion`: a question and its number to the completion's id; `refuses`: (status, body) instead of
    any answer; `takes_s`: until each answer, s."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ScriptedAnswer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.says: Callable[[Asked], float] = lambda asked: 20
        self.completion: Callable[[Asked, int], str] = lambda asked, number: f"chatcmpl-{number}"
        self.refuses: tuple[int, dict[str, Any]] | None = None
        self.takes_s = 0.0
        self._lock = threading.Lock()
        self._seen: dict[bytes, int] = {}
        self.answers = 0

    def answer(self, arrived: bytes) -> dict[str, Any]:
        body = _PICTURE.sub(_pixels, arrived)
        with self._lock:
            self.answers += 1
            number, before = self.answers, self._seen.get(body, 0)
            self._seen[body] = before + 1
        asked = Asked(json.loads(arrived)["model"], arrived, body, before)
        content = json.dumps({"difficulty": self.says(asked), "reasons": ["scripted"]})
        return {
            "id": self.completion(asked, number),
            "model": asked.model,
            "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 900, "completion_tokens": 20},
        }


class _ScriptedAnswer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedJudge

    def do_POST(self) -> None:
        answer = self.server.answer(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.server.takes_s)
        status, document = self.server.refuses or (200, answer)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def scripted_judge() -> Iterator[ScriptedJudge]:
    server = ScriptedJudge()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
