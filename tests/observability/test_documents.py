"""The dashboard and the alert rules speak of nothing that isn't exported."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from calibtui.gateway.observability.metrics import Metrics

spoken_of = runpy.run_path(str(Path(__file__).with_name("promql.py")))["spoken_of"]

OF_PROMETHEUS = {"job", "instance"}
"""Labels that the scraping Prometheus adds to every series."""
WANTED = {
    "spend per hour": "rate(calibtui_cost_eur_total",
    "spend per node": "calibtui_budget_spent_eur",
    "cap": "calibtui_budget_cap_eur",
    "remaining EUR": "calibtui_budget_remaining_eur",
    "rate": "rate(calibtui_calls_total",
    "p50": "histogram_quantile(0.5,",
    "p95": "histogram_quantile(0.95,",
    "p99": "histogram_quantile(0.99,",
    "hits by kind": "sum by (kind)",
    "errors by class": "calibtui_errors_total",
    "in flight": "calibtui_requests_in_flight",
    "frames remaining": "calibtui_frames_remaining",
}


@pytest.fixture
def dashboard(documents: Path) -> dict[str, Any]:
    return json.loads((documents / "calibtui-dashboard.json").read_text())


@pytest.fixture
def rules(documents: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((documents / "calibtui-alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture
def exported(metrics: Metrics) -> dict[str, set[str]]:
    """The labels of each series that /metrics has, by its name."""
    series: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


def test_every_panel_asks_for_series_and_labels_that_are_exported(
    dashboard: dict[str, Any], exported: dict[str, set[str]]
) -> None:
    problems = [
        f"{panel['title']}: {problem}"
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for problem in _problems(target["expr"], exported, re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    ]
    assert problems == []


def test_every_alert_asks_for_series_and_labels_that_are_exported(
    rules: list[dict[str, Any]], exported: dict[str, set[str]]
) -> None:
    problems = [
        f"{rule['alert']}: {problem}"
        for rule in rules
        for problem in _problems(rule["expr"], exported, re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    ]
    assert problems == []


def test_every_metric_of_ours_is_named_in_the_readme(documents: Path, metrics: Metrics) -> None:
    described = set(re.findall(r"`(calibtui_\w+)`", (documents / "README.md").read_text()))
    families = {family.name + "_total" * (family.type == "counter") for family in metrics.registry.collect()}
    assert described == {name for name in families if name.startswith("calibtui_")}


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sum(rate(calibtui_cost_euro_total[5m]))", "calibtui_cost_euro_total is not exported"),
        ('calibtui_run_state{stage="x"}', "calibtui_run_state has no label stage"),
        ("sum by (kid) (calibtui_cache_hits_total)", "nothing here has a label kid"),
        ("calibtui_frames_remaining and on (flavour) calibtui_run_state", "nothing here has a label flavour"),
    ],
)
def test_a_misspelt_series_or_label_is_found(expression: str, problem: str, exported: dict[str, set[str]]) -> None:
    assert _problems(expression, exported, []) == [problem]


def test_the_dashboard_shows_what_it_is_for(dashboard: dict[str, Any]) -> None:
    expressions = " ".join(_expressions(dashboard))
    assert [what for what, text in WANTED.items() if text not in expressions] == []
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)


def test_panels_do_not_lie_on_top_of_each_other(dashboard: dict[str, Any]) -> None:
    cells = [cell for panel in dashboard["panels"] for cell in _cells(panel["gridPos"])]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_there_are_alerts_for_money_errors_retries_and_a_stalled_run(rules: list[dict[str, Any]]) -> None:
    names = {rule["alert"] for rule in rules}
    assert names >= {
        "CalibtuiBudgetNearlySpent", "CalibtuiBudgetAlmostGone", "CalibtuiHighErrorRate", "CalibtuiHighRetryRate",
        "CalibtuiRunStalled",
    }  # fmt: skip
    assert all(rule["labels"]["severity"] in ("warning", "critical") for rule in rules)
    assert all(set(rule["annotations"]) == {"summary", "description"} for rule in rules)


def test_promtool_accepts_the_rules(promtool: str, documents: Path) -> None:
    _run(promtool, "check", "rules", str(documents / "calibtui-alerts.yml"))


def test_the_alerts_fire_when_they_should_and_only_then(promtool: str, documents: Path, tmp_path: Path) -> None:
    story = yaml.safe_load(Path(__file__).with_name("alert_stories.yml").read_text())
    story["rule_files"] = [str(documents / "calibtui-alerts.yml")]
    (tmp_path / "stories.yml").write_text(yaml.safe_dump(story))
    _run(promtool, "test", "rules", str(tmp_path / "stories.yml"))


def test_promtool_accepts_every_expression_of_the_dashboard(
    promtool: str, dashboard: dict[str, Any], tmp_path: Path
) -> None:
    recorded = [
        {"record": f"panel:{number}", "expr": _without_variables(expression)}
        for number, expression in enumerate(_expressions(dashboard))
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    _run(promtool, "check", "rules", str(path))


def test_promtool_finds_nothing_wrong_with_what_is_exported(promtool: str, metrics: Metrics) -> None:
    exposition = generate_latest(metrics.registry)
    # The client library adds these itself, for whoever wants to see a counter's start.
    ours = b"".join(line for line in exposition.splitlines(keepends=True) if b"_created" not in line)
    _run(promtool, "check", "metrics", stdin=ours)


def _problems(expression: str, exported: dict[str, set[str]], shown: list[str]) -> list[str]:
    spoken = spoken_of(_without_variables(expression))
    problems = [f"{name} is not exported" for name in spoken.series if name not in exported]
    for name, labels in spoken.series.items():
        unknown = labels - exported.get(name, labels) - OF_PROMETHEUS
        problems += [f"{name} has no label {label}" for label in sorted(unknown)]
    if not problems:
        there = set().union(OF_PROMETHEUS, *(exported[name] for name in spoken.series))
        problems += [f"nothing here has a label {label}" for label in sorted({*spoken.grouped, *shown} - there)]
    return problems


def _expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def _without_variables(expression: str) -> str:
    """As Grafana sends it, its variables filled in."""
    for name, value in {"$__rate_interval": "5m", "$__range": "1h", "$job": ".*", "$instance": ".*"}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    return [(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])]


def _run(*command: str, stdin: bytes = b"") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
