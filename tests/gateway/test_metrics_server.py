"""/metrics over real HTTP, read by Prometheus's own parsers."""

from __future__ import annotations

import http.client
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from calibtui.core.errors import SettingsError
from calibtui.core.scores import CallRecord
from calibtui.core.summary import BudgetLine
from calibtui.gateway.observability.metrics import Metrics
from calibtui.gateway.observability.metrics_server import MOST_CONNECTIONS, parse_listen, serving_metrics

FILE = Path("calibtui.toml")
HOSTILE = 'evil"} 1\n# HELP x \\ \x00\u202e'
CALL = CallRecord("c", "d", "openai", "gpt-4o", HOSTILE, "", "ok", 1, 10, 2, True, 46, 120.0, 0.0)


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.calls.observe_call(CALL)
    metrics.calls.observe_call(replace(CALL, status="rate_limit", provider='a"b\\c\nd'))
    metrics.budgets.set([BudgetLine('team/"quoted"\\\n', 1_000_000, 250_000, 0)])
    return metrics


def _get(address: tuple[str, int], path: str = "/metrics", method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_the_text_format_is_what_prometheus_parses_with_labels_of_strangers_in_it(metrics: Metrics) -> None:
    with serving_metrics("127.0.0.1:0", metrics, file=FILE) as address:
        status, headers, body = _get(address)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    (cost,) = [s for s in families["calibtui_cost_eur"].samples if s.labels["provider"] == "openai"]
    assert (cost.name, cost.value) == ("calibtui_cost_eur_total", pytest.approx(0.000046))
    (budget,) = families["calibtui_budget_remaining_eur"].samples
    assert (budget.labels, budget.value) == ({"node": 'team/"quoted"\\\n'}, 0.75)
    (answer,) = families["calibtui_answers"].samples
    assert answer.labels["answered"] == 'evil"} 1_# HELP x \\ __'
    assert families["calibtui_cost_eur"].type == "counter"
    assert families["calibtui_call_duration_seconds"].type == "histogram"
    assert "x" not in families


def test_openmetrics_is_spoken_to_who_asks_for_it(metrics: Metrics) -> None:
    with serving_metrics("127.0.0.1:0", metrics, file=FILE) as address:
        asked = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        status, headers, body = _get(address, Accept=asked)
    assert status == 200
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=")
    names = {family.name for family in openmetrics_families(body.decode())}
    assert {"calibtui_cost_eur", "calibtui_build_info", "calibtui_run_state"} <= names


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text;version=abc", "text/plain;version=\x01", ",;=,", "*/*"]
)
def test_an_accept_header_of_any_kind_gets_an_answer(metrics: Metrics, accept: str) -> None:
    with serving_metrics("127.0.0.1:0", metrics, file=FILE) as address:
        assert _get(address, Accept=accept)[0] == 200


def test_every_name_follows_prometheus_practice(metrics: Metrics) -> None:
    for family in metrics.registry.collect():
        assert family.name.startswith(("calibtui_", "process_"))
        assert family.documentation.endswith(".")
        assert not any(unit in family.name for unit in ("_ms", "_micro", "_mib", "_percent", "_minutes"))


def test_only_metrics_are_served_and_only_read(metrics: Metrics) -> None:
    with serving_metrics("127.0.0.1:0", metrics, file=FILE) as address:
        assert _get(address, "/")[0] == 404
        assert _get(address, "/metrics?name=x")[0] == 200
        assert _get(address, method="POST")[0] == 501
        status, headers, body = _get(address, method="HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["Content-Length"]) > 0


def test_ipv6_is_served_where_the_machine_has_it(metrics: Metrics) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with serving_metrics("[::1]:0", metrics, file=FILE) as address:
        assert _get(address)[0] == 200


def test_a_port_in_use_is_an_error_that_names_key_and_address(metrics: Metrics) -> None:
    with serving_metrics("127.0.0.1:0", metrics, file=FILE) as (host, port):
        listen = f"{host}:{port}"
        with pytest.raises(SettingsError) as raised, serving_metrics(listen, Metrics(), file=FILE):
            pass
    assert raised.value.message == f"calibtui.toml: [metrics] listen: {listen} is in use by another process."
    assert "another port" in raised.value.hint


def test_the_port_is_free_again_when_the_context_ends(metrics: Metrics) -> None:
    with serving_metrics("127.0.0.1:0", metrics, file=FILE) as (host, port):
        _get((host, port))
    with serving_metrics(f"{host}:{port}", metrics, file=FILE) as again:
        assert again == (host, port)


def test_without_an_address_nothing_is_served(metrics: Metrics) -> None:
    with serving_metrics(None, metrics, file=FILE) as address:
        assert address is None


@pytest.mark.parametrize(
    "listen",
    ["", "9464", ":9464", "localhost", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:9464", "a:-1", "a:١"],
)
def test_what_is_no_address_is_refused_with_an_example(listen: str) -> None:
    with pytest.raises(SettingsError, match=r"\[metrics\] listen: .* is no address with a port") as raised:
        parse_listen(listen, FILE)
    assert "127.0.0.1:9464" in raised.value.hint


@pytest.mark.parametrize("listen", ["no-such-host.invalid:9464", "203.0.113.7:9464", f"{'a' * 70}.invalid:1"])
def test_an_address_that_is_not_this_machines_is_a_settings_error(listen: str, metrics: Metrics) -> None:
    with pytest.raises(SettingsError, match=r"\[metrics\] listen: "), serving_metrics(listen, metrics, file=FILE):
        pass


def test_connections_that_say_nothing_do_not_keep_a_scrape_out_for_good(metrics: Metrics) -> None:
    with serving_metrics("127.0.0.1:0", metrics, file=FILE) as address:
        idle = [socket.create_connection(address) for _ in range(MOST_CONNECTIONS + 4)]
        # Those beyond the bound are hung up on at once, so reading from them ends.
        for extra in idle[MOST_CONNECTIONS:]:
            extra.settimeout(10)
            assert extra.recv(1) == b""
        for connection in idle:
            connection.close()
        assert _get_at_last(address) == 200


def _get_at_last(address: tuple[str, int]) -> int:
    """Threads notice a closed connection in their own time; a scraper comes again as well."""
    for _ in range(200):
        try:
            return _get(address)[0]
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    raise AssertionError("never served again")
