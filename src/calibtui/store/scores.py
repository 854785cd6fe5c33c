"""Scores, failures and calls; the exact cache is the primary key of scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calibtui.core.scores import CallRecord, FailedScore, Score, ScoreKey
from calibtui.store.table import Table, append, insert_new

_KEY = {
    "payload_digest": pa.string(),
    "prompt_digest": pa.string(),
    "model": pa.string(),
    "parameters_digest": pa.string(),
    "pass": pa.int32(),
}
_SCORE = pa.schema(
    {
        **_KEY,
        "frame_uri": pa.string(),
        "digest": pa.string(),
        "difficulty": pa.float64(),
        "reasons": pa.list_(pa.string()),
        "prompt": pa.string(),
        "answered_model": pa.string(),
        "provider": pa.string(),
        "input_tokens": pa.int64(),
        "output_tokens": pa.int64(),
        "cost_micro_eur": pa.int64(),
        "budget_node": pa.string(),
        "latency_ms": pa.float64(),
        "scored_at": pa.float64(),
        "run": pa.string(),
    }
)


class ScoreTable(Table):
    """What judges said, and what it cost."""

    def commit(
        self,
        run: str,
        scores: Sequence[tuple[ScoreKey, Score]] = (),
        failures: Sequence[tuple[ScoreKey, FailedScore]] = (),
        calls: Sequence[CallRecord] = (),
        *,
        replace: bool = False,
    ) -> None:
        """One transaction for all of them. A replay of scores and calls that are there already changes nothing; with
        `replace`, a
        new score takes an old one's place."""
        score_rows = [_score_row(key, score, run) for key, score in scores]
        failure_rows = [_failure_row(key, failed, run) for key, failed in failures]
        call_rows = [_call_row(call, run) for call in calls]
        try:
            with self._transaction() as cursor:
                append(cursor, "scores", score_rows)
                append(cursor, "failures", failure_rows)
                append(cursor, "calls", call_rows)
        except duckdb.ConstraintException:
            # An appender, half the price of an insert, can't pass over rows that are there already.
            with self._transaction() as cursor:
                insert_new(cursor, "scores", score_rows, _SCORE, replace=replace)
                append(cursor, "failures", failure_rows)
                insert_new(cursor, "calls", call_rows)

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


def _score_row(key: ScoreKey, score: Score, run: str) -> dict[str, object]:
    return {
        "payload_digest": key.payload_digest,
        "prompt_digest": key.prompt_digest,
        "model": key.model,
        "parameters_digest": key.parameters_digest,
        "pass": key.pass_number,
        "frame_uri": score.frame_uri,
        "digest": score.digest,
        "difficulty": score.difficulty,
        "reasons": list(score.reasons),
        "prompt": score.prompt,
        "answered_model": score.answered_model,
        "provider": score.provider,
        "input_tokens": score.input_tokens,
        "output_tokens": score.output_tokens,
        "cost_micro_eur": score.cost_micro_eur,
        "budget_node": score.budget_node,
        "latency_ms": score.latency_ms,
        "scored_at": score.scored_at,
        "run": run,
    }


def _failure_row(key: ScoreKey, failed: FailedScore, run: str) -> dict[str, object]:
    return {**asdict(failed), "prompt_digest": key.prompt_digest, "model": key.model, "run": run}


def _call_row(call: CallRecord, run: str) -> dict[str, object]:
    return {**{name: getattr(call, name) for name in CallRecord.__slots__}, "run": run}
