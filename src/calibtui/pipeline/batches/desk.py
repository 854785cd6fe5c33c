"""What scoring in batches works with: the judge that reads replies, the provider's batch API, prices, the ledger."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from calibtui.core.money import Price
from calibtui.core.scores import CallRecord, FailedScore, Score, Usage
from calibtui.gateway.batch.apis import batch_api, batch_key, batch_price
from calibtui.gateway.batch.contract import BatchApi
from calibtui.gateway.completion import Completion
from calibtui.gateway.dialects.dialect import Dialect, ParsedReply
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.ledger import Hold, Ledger
from calibtui.gateway.secrets import Redactor
from calibtui.gateway.upstream import Target, Upstream
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import ConfiguredJudge
from calibtui.scoring.judge import FrameToScore, Record
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.vlm import VlmJudge, targets, vlm_judge
from calibtui.store.batches import BatchRequestRow, BatchRow

Commit = Callable[[list[Record]], None]


@dataclass(slots=True)
class OpenBatch:
    """A batch that may be at the provider. `dialect`: how its requests were worded; `left_by`: a moment (monotonic, s)
    at which everything that was sent of it had left."""

    row: BatchRow
    requests: Sequence[BatchRequestRow]
    api: BatchApi
    dialect: Dialect
    remote_id: str | None
    answered: int = 0
    left_by: float = field(default_factory=time.monotonic)

    @property
    def price(self) -> Price:
        return Price(self.row.input_micro_eur, self.row.output_micro_eur)

    @property
    def worst(self) -> Usage:
        return Usage(self.row.worst_input_tokens, self.row.worst_output_tokens, measured=False)


@dataclass(slots=True)
class Desk:
    """One run's. `payloads`: what each frame that it judges becomes for the judge, by the frame's digest; `holds`: the
    money of every request that is in a batch, by custom id."""

    context: Context
    judge: ConfiguredJudge
    reader: VlmJudge
    target: Target
    upstream: Upstream
    ledger: Ledger
    node: str | None
    commit: Commit
    redact: Redactor
    payloads: Mapping[str, str]
    holds: dict[str, Hold] = field(default_factory=dict)
    apis: dict[str | None, BatchApi] = field(default_factory=dict)

    @classmethod
    def opened(cls, context: Context, judge: ConfiguredJudge, ledger: Ledger, payer: Payer, commit: Commit) -> Desk:
        """Raises SettingsError as the live judge does. Nothing is sent yet."""
        scoring, providers = judge.scoring, context.settings.providers
        prompt = load_prompt(context.root, scoring.prompt)
        first = targets(scoring, providers, prompt, os.environ, None)[0]
        settings = providers[first.endpoint.provider].models[first.request.model]
        target = replace(first, price=batch_price(first.price, settings))
        upstream = Upstream(target, max_px=scoring.max_px, concurrency=1, rng=random.Random(0))
        reader = vlm_judge(scoring, providers, prompt, os.environ, payer=payer)
        redact = Redactor(target.endpoint.secrets)
        questions = judge.questions
        payloads = {frame.digest: payload for frame, payload in zip(questions.frames, questions.payloads, strict=True)}
        return cls(context, judge, reader, target, upstream, ledger, payer.node, commit, redact, payloads)

    async def close(self) -> None:
        await self.reader.close()
        await self.target.transport.close()
        for api in self.apis.values():
            await api.close()

    @property
    def provider(self) -> str:
        return self.upstream.provider

    @property
    def key_source(self) -> str | None:
        """The variable of the key that new batches are handed in with; None without keys."""
        key = batch_key(self.target.endpoint)
        return key.secret.source if key else None

    def api(self, key_source: str | None) -> BatchApi:
        """Through the key of that variable. Raises SettingsError where the endpoint has it no more."""
        if key_source not in self.apis:
            key = batch_key(self.target.endpoint, key_source)
            self.apis[key_source] = batch_api(self.target.endpoint, self.target.request, key)
        return self.apis[key_source]

    def is_ours(self, row: BatchRow, requests: Sequence[BatchRequestRow]) -> bool:
        """Whether this run asks the same questions, of pictures made the same way, of the same judge."""
        identity = self.judge.questions.identity
        asked = (self.provider, identity.model, identity.prompt_digest, identity.parameters_digest)
        same_pictures = all(
            self.payloads.get(request.digest, request.payload_digest) == request.payload_digest for request in requests
        )
        return same_pictures and asked == (row.provider, row.model, row.prompt_digest, row.parameters_digest)

    def frame(self, request: BatchRequestRow) -> FrameToScore:
        uri = request.frame_uri
        return FrameToScore(uri, self.context.path_of(uri), request.digest, request.pass_number)

    def completion(self, batch: OpenBatch, reply: ParsedReply) -> Completion:
        """The reply as the live judge would have had it, at the batch's price."""
        usage = reply.usage or batch.worst
        if usage.measured:
            self.upstream.learn_usage(usage)
        return Completion(
            text=reply.text,
            refusal=reply.refusal,
            finish_reason=reply.finish_reason,
            answered_model=self.redact(reply.answered_model) or self.target.request.model,
            completion_id=self.redact(reply.completion_id),
            fingerprint=self.redact(reply.fingerprint),
            usage=usage,
            cost_micro_eur=batch.price.cost(usage.input_tokens, usage.output_tokens),
            latency_ms=(time.time() - batch.row.written_at) * 1000,
            provider=self.provider,
            tokens=reply.tokens,
        )

    def is_asked(self, request: BatchRequestRow) -> bool:
        """False for a frame that left the pool while its question was out."""
        return request.digest in self.payloads

    def call(
        self,
        batch: OpenBatch,
        request: BatchRequestRow,
        status: str,
        usage: Usage,
        *,
        answered: str = "",
        completion_id: str = "",
    ) -> CallRecord:
        """The record of a request, at the batch's price. `latency_ms` since it was handed in."""
        return CallRecord(
            call_id=request.custom_id,
            digest=request.digest,
            provider=self.provider,
            requested_model=self.target.request.model,
            answered_model=answered,
            completion_id=completion_id,
            status=status,
            attempts=1,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            measured=usage.measured,
            cost_micro_eur=batch.price.cost(usage.input_tokens, usage.output_tokens),
            latency_ms=(time.time() - batch.row.written_at) * 1000,
            at=time.time(),
        )

    def verdict(self, request: BatchRequestRow, answer: Completion) -> Score | FailedScore:
        read = self.reader.read(self.frame(request), answer, answer.cost_micro_eur)
        hold = self.holds.get(request.custom_id)
        return replace(read, budget_node=hold.node) if isinstance(read, Score) and hold else read
