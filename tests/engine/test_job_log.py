"""What a job's log file says of time."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from calibtui.engine.jobs.job_log import JobLog
from calibtui.engine.jobs.settings_now import SettingsNow
from calibtui.engine.queries.registry import job_log
from calibtui.store.store import Store


def test_a_line_begins_with_its_second_in_utc_whatever_the_engine_s_time_zone(tmp_path, monkeypatch):
    (tmp_path / "calibtui.toml").write_text('[pool]\nimages = "*.jpg"\n')
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        before = int(time.time())
        with Store(tmp_path / ".calibtui") as store:
            JobLog(SettingsNow(tmp_path, store)).write("job-1", "the job begins")
    finally:
        monkeypatch.undo()
        time.tzset()
    (line,) = job_log(tmp_path / ".calibtui", "job-1").read_text().splitlines()
    stamp, said = line.split(" ", 1)
    assert said == "the job begins"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp)
    assert before <= datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp() <= time.time()
