"""Scores, failures and calls; the exact cache is the primary key of scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calibtui.core.scores import CallRecord, FailedScore, Score, ScoreKey
from calibtui.store.journal import Journal, Rows
from calibtui.store.table import Table

_SCORE = (
    "payload_digest", "prompt_digest", "model", "parameters_digest", "pass", "frame_uri", "digest", "difficulty",
    "reasons", "prompt", "answered_model", "provider", "input_tokens", "output_tokens", "cost_micro_eur", "budget_node",
    "latency_ms", "scored_at", "run",
)  # fmt: skip
_FAILURE = ("run", "prompt_digest", "model", "frame_uri", "digest", "error", "reply")
_CALL = tuple(column.name for column in fields(CallRecord))
_call_values = attrgetter(*_CALL)


@dataclass(frozen=True, slots=True)
class Scored:
    """What a judge said to a few frames and the calls that it took. With `replace`, a new score takes an old one's
    place; else scores and calls that are there already stay as they are."""

    run: str
    scores: Sequence[tuple[ScoreKey, Score]] = ()
    failures: Sequence[tuple[ScoreKey, FailedScore]] = ()
    calls: Sequence[CallRecord] = ()
    replace: bool = False


def scored_rows(batches: Sequence[Scored]) -> list[Rows]:
    """The rows of several, by table; those that replace are kept apart from those that don't."""
    rows: list[Rows] = []
    for replace in (False, True):
        some = [batch for batch in batches if batch.replace is replace]
        scores = [_score_row(key, score, batch.run) for batch in some for key, score in batch.scores]
        failures = [_failure_row(key, failed, batch.run) for batch in some for key, failed in batch.failures]
        calls = [(*_call_values(call), batch.run) for batch in some for call in batch.calls]
        rows += [
            Rows("scores", _SCORE, scores, keyed=True, replace=replace),
            Rows("failures", _FAILURE, failures),
            Rows("calls", (*_CALL, "run"), calls, keyed=True),
        ]
    return [some for some in rows if some.rows]


class ScoreTable(Table):
    """What judges said, and what it cost."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._journal = journal

    def commit(
        self,
        run: str,
        scores: Sequence[tuple[ScoreKey, Score]] = (),
        failures: Sequence[tuple[ScoreKey, FailedScore]] = (),
        calls: Sequence[CallRecord] = (),
        *,
        replace: bool = False,
    ) -> None:
        """All of them or none, durable when it returns. A replay of scores and calls that are there already changes
        nothing; with `replace`, a new score takes an old one's place."""
        self._journal.write(scored_rows([Scored(run, scores, failures, calls, replace)]))

    def cached(self, keys: pa.Table) -> pa.Table:
        """Scores for the keys that have one, in the order of their `place`.

        `keys` has the columns payload_digest, prompt_digest, model, parameters_digest, pass, and place (int64),
        frame_uri, digest.
        The result has the columns of a shard, with this run's uri, digest, and nothing paid; `run` tells which run
        asked.
        """
        sql = """
            SELECT keys.place, keys.frame_uri, keys.digest, difficulty, reasons, prompt, prompt_digest, model AS
            requested_model,
                   answered_model, provider, pass, input_tokens, output_tokens, cost_micro_eur, budget_node, latency_ms,
                   scored_at, run
            FROM keys JOIN scores USING (payload_digest, prompt_digest, model, parameters_digest, pass)
            ORDER BY keys.place
        """
        return self._arrow(sql, keys=keys)

    def spent(self, run: str | None = None) -> int:
        """micro-EUR of all calls, or of one run's."""
        where = "" if run is None else "WHERE run = ?"
        rows = self._rows(f"SELECT coalesce(sum(cost_micro_eur), 0) FROM calls {where}", [] if run is None else [run])
        return int(rows[0][0])

    def completions(self, model: str) -> list[tuple[str, str]]:
        """(completion id, frame digest) of every call that this model answered."""
        sql = "SELECT completion_id, digest FROM calls WHERE requested_model = ? AND status = 'ok'"
        return [(completion, digest) for completion, digest in self._rows(sql, [model])]

    def quarantine(self, run: str, model: str, digests: Collection[str], reason: str) -> int:
        """Takes back the scores that the model gave these frames, each a failure with the reason instead; how many
        there were."""
        with self._transaction() as cursor:
            doubtful = pa.table({"digest": pa.array(sorted(digests), pa.string())})
            where = "model = $model AND digest IN (SELECT digest FROM doubtful)"
            cursor.register("doubtful", doubtful)
            cursor.execute(
                "INSERT INTO failures SELECT $run, prompt_digest, model, frame_uri, digest, 'quarantined', $reason "
                f"FROM scores WHERE {where}",
                {"run": run, "model": model, "reason": reason},
            )
            removed = cursor.execute(f"DELETE FROM scores WHERE {where}", {"model": model}).fetchone()
            return int(removed[0]) if removed else 0

    def newest_pass(self, prompt_digest: str, model: str, parameters_digest: str) -> int:
        """The highest pass that any frame has been asked in under that prompt, model and parameters; 0 for none."""
        sql = (
            "SELECT coalesce(max(pass), 0) FROM scores WHERE prompt_digest = ? AND model = ? AND parameters_digest = ?"
        )
        return int(self._rows(sql, [prompt_digest, model, parameters_digest])[0][0])

    def runs_of_pass(self, prompt_digest: str, model: str, parameters_digest: str, number: int) -> list[str]:
        """The runs that asked that pass, the newest last."""
        sql = (
            "SELECT run FROM scores WHERE prompt_digest = ? AND model = ? AND parameters_digest = ? AND pass = ? "
            "GROUP BY run ORDER BY max(scored_at)"
        )
        return [run for (run,) in self._rows(sql, [prompt_digest, model, parameters_digest, number])]

    def answered_before(self, run: str) -> set[str]:
        """Digests of frames that this run got a completion for which an earlier run already had: a stored answer."""
        sql = """
            SELECT DISTINCT now.digest
            FROM calls AS now JOIN calls AS before USING (completion_id, digest, requested_model)
            WHERE now.run = ? AND before.run <> now.run AND completion_id <> '' AND now.status = 'ok'
        """
        return {digest for (digest,) in self._rows(sql, [run])}

    def difficulties(self, prompt: str | None, models: Sequence[str]) -> NDArray[np.float64]:
        """(N,) difficulties that these models gave under that prompt, one a frame and pass."""
        answered = pa.table({"answered_model": pa.array(list(models), pa.string())})
        asked = pa.table({"prompt": pa.array([prompt], pa.string())})
        sql = "SELECT difficulty FROM scores SEMI JOIN answered USING (answered_model) SEMI JOIN asked USING (prompt)"
        values: NDArray[np.float64] = self._arrow(sql, answered=answered, asked=asked)["difficulty"].to_numpy()
        return values

    def count(self) -> int:
        """Stored scores of all judges together."""
        return int(self._rows("SELECT count(*) FROM scores")[0][0])

    def failures(self, run: str) -> list[FailedScore]:
        sql = "SELECT frame_uri, digest, error, reply FROM failures WHERE run = ? ORDER BY frame_uri"
        return [FailedScore(*row) for row in self._rows(sql, [run])]


def _score_row(key: ScoreKey, score: Score, run: str) -> tuple[object, ...]:
    return (
        key.payload_digest,
        key.prompt_digest,
        key.model,
        key.parameters_digest,
        key.pass_number,
        score.frame_uri,
        score.digest,
        score.difficulty,
        score.reasons,
        score.prompt,
        score.answered_model,
        score.provider,
        score.input_tokens,
        score.output_tokens,
        score.cost_micro_eur,
        score.budget_node,
        score.latency_ms,
        score.scored_at,
        run,
    )


def _failure_row(key: ScoreKey, failed: FailedScore, run: str) -> tuple[object, ...]:
    return (run, key.prompt_digest, key.model, failed.frame_uri, failed.digest, failed.error, failed.reply)
