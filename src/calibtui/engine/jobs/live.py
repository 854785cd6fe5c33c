"""A job as it goes: what its worker reports, second by second, as the screens show it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from calibtui.core.money import micro_eur
from calibtui.core.progress import Progress
from calibtui.core.text import one_line
from calibtui.engine.jobs.messages import Report
from calibtui.engine.jobs.relayed_metrics import by_label, value_of
from calibtui.engine.wire.snapshot import Scoring, Stage

RATES_S = 60
RATE_OVER_S = 10
_INDEX_FIRST = ("score", "select")
_TRIED = ("calibtui_frames_scored_total", "calibtui_frames_failed_total")


class LiveRun:
    """Fed with what the worker says; `tick` once a second while it runs and is not paused."""

    def __init__(self, run: str, stages: tuple[str, ...], model: str, prompt: str) -> None:
        self.run = run
        self._stages = dict.fromkeys(stages, "queued")
        self._model = model
        self._prompt = prompt
        self._report = Report()
        self._counted: dict[str, int] = {}
        self._rates: dict[str, deque[float]] = {}
        self._scored = False

    @property
    def report(self) -> Report:
        return self._report

    @property
    def scored(self) -> bool:
        """Whether there is anything to tell of scoring."""
        return self._scored

    @property
    def current(self) -> str:
        """The stage that runs, "" between two."""
        return next((stage for stage, state in self._stages.items() if state == "running"), "")

    def told(self, report: Report) -> None:
        self._report = report

    def moved(self, stage: str, state: str) -> None:
        self._stages[stage] = state
        self._scored |= stage == "score"

    def tick(self) -> None:
        """Counts what each stage did in the second that is over."""
        for name, done in self._done().items():
            ring = self._rates.setdefault(name, deque(maxlen=RATES_S))
            ring.append(float(max(0, done - self._counted.get(name, done))))
            self._counted[name] = done

    def stages(self, paused: bool) -> dict[str, Stage]:
        """Those of this job, also when they have ended: the store, which is asked now and then, may not know it yet;
        and the one that works for them."""
        told = {
            name: self._stage(name, "paused" if paused and state == "running" else state)
            for name, state in self._stages.items()
        }
        newest = self.newest
        # Scoring and selecting look for new files first, which is the work of another stage. A stage of the job's own
        # that is done stays done.
        if newest is not None and newest.stage == "pool" and self.current in _INDEX_FIRST and "pool" not in told:
            told["pool"] = self._stage("pool", "paused" if paused else "running")
        return told

    def scoring(self) -> Scoring | None:
        """None until the job scores."""
        if not self._scored:
            return None
        report, families = self._report, self._report.families
        hits = by_label(families, "calibtui_cache_hits_total", "kind")
        spent = micro_eur(round(value_of(families, "calibtui_cost_eur_total"), 6))
        done = self._done().get("score", 0)
        rate = self._rate("score")
        left = max(0, report.total - done)
        forecast = report.forecast
        return Scoring(
            run=self.run,
            model=self._model,
            prompt=self._prompt,
            done=done,
            total=max(report.total, done),
            failed=round(value_of(families, _TRIED[1])),
            in_flight=round(value_of(families, "calibtui_requests_in_flight")),
            exact_hits=round(hits.get("exact", 0)),
            similar_hits=round(hits.get("similar", 0)),
            calls=round(value_of(families, "calibtui_calls_total")),
            retries=round(value_of(families, "calibtui_retries_total")),
            rate=rate,
            seconds_left=_seconds(left, rate),
            spent=spent,
            held=report.held,
            forecast=spent + forecast[0] if forecast else None,
            forecast_low=spent + forecast[1] if forecast else None,
            forecast_high=spent + forecast[2] if forecast else None,
            latency_ms_p50=report.latency_ms_p50,
            rates=tuple(self._rates.get("score", ())),
            errors=_errors(by_label(families, "calibtui_errors_total", "class")),
        )

    def _done(self) -> Mapping[str, int]:
        """Units by stage so far. Of scoring, every frame that has an answer, whoever gave it."""
        done = {progress.stage: progress.done for progress in self._report.progress}
        if self._scored:
            families = self._report.families
            tried = sum(value_of(families, name) for name in _TRIED)
            done["score"] = round(tried + value_of(families, "calibtui_cache_hits_total"))
        return done

    @property
    def newest(self) -> Progress | None:
        """How far the job is in what it does now."""
        return self._report.progress[-1] if self._report.progress else None

    def _stage(self, name: str, state: str) -> Stage:
        progress = next((each for each in self._report.progress if each.stage == name), None)
        if progress is None or state == "queued":
            return Stage(name=name, state=state)
        done = self._done()[name]
        total = max(self._report.total, done) if name == "score" else progress.total
        rate = self._rate(name)
        left = _seconds(max(0, total - done), rate) if total else None
        # The note says what is being done; what came of it is the store's to say.
        said = "" if state == "done" else one_line(progress.note)
        return Stage(name=name, state=state, done=done, total=total, rate=rate, seconds_left=left, said=said)

    def _rate(self, name: str) -> float:
        lately = list(self._rates.get(name, ()))[-RATE_OVER_S:]
        return round(sum(lately) / len(lately), 2) if lately else 0.0


def _seconds(left: int, rate: float) -> float | None:
    if left == 0:
        return 0.0
    return round(left / rate) if rate > 0 else None


def _errors(counts: Mapping[str, float]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(((name, round(count)) for name, count in counts.items() if count), key=lambda one: -one[1]))
