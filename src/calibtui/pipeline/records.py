"""What becomes of a judge's records: rows of the store, and what has to follow once they are durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.intermediaries.completion_ids import CompletionIds
from calibtui.gateway.money.ledger import Ledger
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import ConfiguredJudge
from calibtui.pipeline.score_shards import RunShards
from calibtui.scoring.judge import Record
from calibtui.scoring.sink import GroupCommitSink, LedgerSink
from calibtui.store.scores import Scored

SHARED = "one completion of the judge answered two frames"


class Records:
    """One run's. `after` is told each durable call, on the thread that `kept` runs in."""

    def __init__(
        self,
        context: Context,
        judge: ConfiguredJudge,
        shards: RunShards,
        after: Callable[[Sequence[CallRecord]], None] = lambda _: None,
    ) -> None:
        self._context, self._judge, self._shards, self._after = context, judge, shards, after
        self._places = {frame.digest: place for place, frame in enumerate(judge.questions.frames)}
        self._model = judge.questions.identity.model
        self._completions = CompletionIds(context.store.scores.completions(self._model))

    def sink(self, ledger: Ledger | None) -> LedgerSink | GroupCommitSink:
        """Where a run puts its records: beside the money that they cost, where they cost any."""
        if ledger is None:
            return GroupCommitSink(self.commit)
        return LedgerSink(lambda records: ledger.keep(self.scored(records)), ledger.durable, self.kept)

    def commit(self, batch: Sequence[Record]) -> None:
        """Makes the records durable, and does what follows."""
        scored = self.scored(batch)
        self._context.store.scores.commit(
            scored.run, scored.scores, scored.failures, scored.calls, replace=scored.replace
        )
        self.kept(batch)

    def scored(self, batch: Sequence[Record]) -> Scored:
        """All but what was taken over from similar frames, which has tables of its own."""
        questions = self._judge.questions
        return Scored(
            self._context.run,
            [
                (questions.key(self._places[score.digest], score.pass_number), score)
                for score in batch
                if isinstance(score, Score) and score.cached is None
            ],
            [
                (questions.key(self._places[failed.digest], 1), failed)
                for failed in batch
                if isinstance(failed, FailedScore)
            ],
            [call for call in batch if isinstance(call, CallRecord)],
            replace=not self._context.settings.cache.exact,
        )

    def kept(self, batch: Sequence[Record]) -> None:
        """The records are durable: takes back what can't be told apart, and tells everybody of the rest."""
        context = self._context
        taken = [record for record in batch if isinstance(record, Score) and record.cached is not None]
        records = [record for record in batch if not isinstance(record, Score) or record.cached is None]
        calls = [record for record in records if isinstance(record, CallRecord)]
        scores = [record for record in records if isinstance(record, Score)]
        doubtful = self._shared(calls)
        if doubtful:
            removed = context.store.scores.quarantine(context.run, self._model, doubtful, SHARED)
            context.note(f"{removed} scores were taken back: {SHARED}.")
        self._judge.on_commit(scores, taken, doubtful)
        self._shards.add([score for score in scores if score.digest not in doubtful])
        context.metrics.calls.observe(records)
        context.log.failures(records)
        self._after(calls)

    def _shared(self, calls: Sequence[CallRecord]) -> set[str]:
        """Digests of frames whose answer is the same completion as another's."""
        pairs = (self._completions.received(call.completion_id, call.digest) for call in calls if call.status == "ok")
        return {digest for pair in pairs if pair is not None for digest in pair.frames}
