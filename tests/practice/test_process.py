"""The practice judge as a process of its own."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from PIL import Image

from calibtui.core.errors import ConfigurationError
from calibtui.practice.options import PracticeOptions, parse_options
from calibtui.practice.process import practice_server, read_books


def reachable(url: str) -> bool:
    try:
        read_books(url)
    except OSError:
        return False
    return True


def test_it_is_there_within_the_block_and_gone_after() -> None:
    with practice_server() as url:
        assert url.startswith("http://127.0.0.1:")
        assert read_books(url)["requests"] == 0
    assert not reachable(url)


def test_it_prints_its_address_first_and_ends_at_sigterm() -> None:
    command = [sys.executable, "-m", "calibtui.practice", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url + "/models", timeout=10) as reply:
            assert reply.status == 200
        process.terminate()
        assert process.wait(20) == 0


def test_it_ends_when_whoever_started_it_is_killed() -> None:
    script = (
        "import sys, time\nfrom calibtui.practice.process import practice_server\n"
        "with practice_server() as url:\n    print(url, flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert reachable(url)
        parent.kill()
    for _ in range(200):
        if not reachable(url):
            break
        time.sleep(0.05)
    assert not reachable(url)


def test_it_ends_with_its_parent_even_in_the_middle_of_a_request() -> None:
    command = [sys.executable, "-m", "calibtui.practice", "--latency-ms=60000", "--until-stdin-closes"]
    picture = io.BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "JPEG")
    data = "data:image/jpeg;base64," + base64.b64encode(picture.getvalue()).decode()
    content = [{"type": "text", "text": "how hard?"}, {"type": "image_url", "image_url": {"url": data}}]
    body = json.dumps({"model": "practice-vlm-1", "messages": [{"role": "user", "content": content}]}).encode()

    def ask(url: str) -> None:
        request = urllib.request.Request(url + "/chat/completions", body, {"content-type": "application/json"})
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=90):
            pass

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        url = process.stdout.readline().strip()
        threading.Thread(target=ask, args=(url,), daemon=True).start()
        while read_books(url)["requests"] == 0:
            time.sleep(0.05)
        process.stdin.close()
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_one_that_does_not_come_up_is_an_error_with_its_last_words() -> None:
    os.environ.pop("NO_SUCH_KEY", None)
    with (
        pytest.raises(ConfigurationError, match="NO_SUCH_KEY"),
        practice_server(PracticeOptions(key_env="NO_SUCH_KEY")),
    ):
        pass


def test_its_options_survive_the_way_over_its_command_line() -> None:
    options = PracticeOptions(8080, 12.5, 0.25, 0.5, 20.0, 7, "KEY", True)
    assert parse_options(options.arguments()) == options


@pytest.mark.parametrize("word", ["--fail-rate=2", "--port=70000", "--latency-ms=-1", "--garbage-rate=x"])
def test_an_option_out_of_range_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options([word])
    assert word.split("=")[0] in capsys.readouterr().err


def test_its_options_are_read_without_loading_the_server() -> None:
    script = (
        "import sys, calibtui.practice.options; sys.exit(any(m in sys.modules for m in ('aiohttp', 'numpy', 'PIL')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
