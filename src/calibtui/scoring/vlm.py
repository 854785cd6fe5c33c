"""The vlm judge: a frame and the pinned prompt to a vision-language model, its reply into a score."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import cast

from calibtui.core.digests import digest_of
from calibtui.core.scores import CallRecord, FailedScore, Score, ScoreKey
from calibtui.gateway.client import CallFailure, Completion, Gateway, OnCall, RetryPolicy
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import Serving, resolve_endpoint, serving_chain
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.prices import price_of
from calibtui.gateway.observability.call_metrics import CallMetrics
from calibtui.gateway.observability.metered_transport import MeteredTransport
from calibtui.gateway.transport import MAX_REPLY_BYTES, HttpTransport, Transport
from calibtui.gateway.upstream import Target
from calibtui.scoring.expectation import expected_difficulty
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.payload import PayloadRecipe, build_payload, payload_digest
from calibtui.scoring.prompts import PromptTemplate
from calibtui.scoring.reply import ReplyError, Verdict, parse_reply
from calibtui.workspace.settings import ProviderSettings, ScoringSettings

ASKS = 2
"""An unreadable reply is asked for once more, then recorded as failed."""


class VlmJudge:
    """One model behind one gateway, with one prompt. Made by `vlm_judge`; close() ends its connections."""

    def __init__(
        self, gateway: Gateway, prompt: PromptTemplate, recipe: PayloadRecipe, settings: ScoringSettings
    ) -> None:
        self._gateway = gateway
        self._prompt = prompt
        # Taken once: every score names it.
        self._prompt_digest = prompt.digest
        self._recipe = recipe
        self._settings = settings
        self._parameters_digest = parameters_digest(settings)

    @property
    def model(self) -> str:
        return self._gateway.request.model

    @property
    def provider(self) -> str:
        return self._gateway.endpoint.provider

    def key(self, frame_digest: str, pass_number: int = 1) -> ScoreKey:
        """What identifies this judge's score of a frame; reads no image."""
        return ScoreKey(
            payload_digest(frame_digest, self._recipe),
            self._prompt_digest,
            self.model,
            self._parameters_digest,
            pass_number,
        )

    def prepare(self, frame: FrameToScore) -> bytes:
        """The frame's payload, a JPEG. Raises UnreadableImage."""
        return build_payload(frame.path, self._recipe, frame.pass_number)

    async def ask(self, frame: FrameToScore, prepared: object, on_call: OnCall) -> Score | FailedScore:
        """The score, or what kept coming back instead. Raises BudgetExhaustedError and JudgeFailedError."""
        image = cast(bytes, prepared)
        left = self._settings.deadline_s
        spent = _Spent(on_call)
        failed = FailedScore(frame.uri, frame.digest, "unreadable", "")
        for _ in range(ASKS):
            answer = await self._gateway.complete(image, digest=frame.digest, deadline_s=left, on_call=spent.add)
            if isinstance(answer, CallFailure):
                return FailedScore(frame.uri, frame.digest, answer.kind.value, answer.message)
            read = self.read(frame, answer, spent.micro_eur)
            if isinstance(read, Score):
                return read
            failed = read
            left -= answer.took_s
            if left <= 0:
                break
        return failed

    def read(self, frame: FrameToScore, answer: Completion, cost_micro_eur: int) -> Score | FailedScore:
        """What a completion says of the frame, whose calls have cost so much."""
        try:
            return self._score(frame, answer, self._verdict(answer), cost_micro_eur)
        except ReplyError as error:
            kind = "refused" if answer.refusal else "unreadable"
            return FailedScore(frame.uri, frame.digest, kind, self._gateway.redact(error.beginning))

    async def close(self) -> None:
        await self._gateway.close()

    def _verdict(self, answer: Completion) -> Verdict:
        if answer.refusal or not answer.text:
            raise ReplyError("the model refused or said nothing", answer.refusal or answer.finish_reason)
        verdict = parse_reply(answer.text, self._prompt.scale)
        difficulty = expected_difficulty(answer.tokens, verdict.difficulty, self._prompt.scale)
        return Verdict(difficulty, tuple(self._gateway.redact(reason) for reason in verdict.reasons))

    def _score(self, frame: FrameToScore, answer: Completion, verdict: Verdict, cost_micro_eur: int) -> Score:
        return Score(
            frame_uri=frame.uri,
            digest=frame.digest,
            difficulty=verdict.difficulty,
            reasons=verdict.reasons,
            prompt=self._prompt.label,
            prompt_digest=self._prompt_digest,
            requested_model=self.model,
            answered_model=answer.answered_model,
            provider=answer.provider,
            pass_number=frame.pass_number,
            cached=None,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            cost_micro_eur=cost_micro_eur,
            budget_node=self._gateway.node,
            latency_ms=answer.latency_ms,
            scored_at=time.time(),
        )


class _Spent:
    """Passes call records on and adds up what the frame has cost."""

    def __init__(self, on_call: OnCall) -> None:
        self._on_call = on_call
        self.micro_eur = 0

    def add(self, call: CallRecord) -> None:
        self.micro_eur += call.cost_micro_eur
        self._on_call(call)


def parameters_digest(settings: ScoringSettings) -> str:
    """Of everything besides prompt, model and payload that a reply, or what is made of it, depends on."""
    parameters = {"max_tokens": settings.max_tokens, "temperature": settings.temperature}
    return digest_of(parameters | ({"logprobs": True} if settings.logprobs else {}))


def vlm_judge(
    settings: ScoringSettings,
    providers: Mapping[str, ProviderSettings],
    prompt: PromptTemplate,
    environ: Mapping[str, str],
    *,
    retry: RetryPolicy | None = None,
    seed: int = 0,
    payer: Payer | None = None,
    metrics: CallMetrics | None = None,
    without: Collection[str] = (),
) -> VlmJudge:
    """The judge that the settings describe; nothing is sent yet. Calls are charged to `payer`, to nobody without one,
    and counted in `metrics`. Fallbacks named in `without` are left out.

    Raises SettingsError for what can be known beforehand, of the provider and of every fallback: no model, no provider
    or several, no price, a key that is missing from `environ` or written into the settings.
    """
    first, *others = targets(settings, providers, prompt, environ, metrics)
    others = [other for other in others if other.endpoint.provider not in without]
    gateway = Gateway(
        first.endpoint,
        first.request,
        first.price,
        first.transport,
        max_px=settings.max_px,
        retry=retry,
        seed=seed,
        payer=payer,
        concurrency=settings.concurrency,
        image_tokens=first.image_tokens,
        fallbacks=others,
    )
    return VlmJudge(gateway, prompt, PayloadRecipe(settings.max_px, settings.jpeg_quality), settings)


def targets(
    settings: ScoringSettings,
    providers: Mapping[str, ProviderSettings],
    prompt: PromptTemplate,
    environ: Mapping[str, str],
    metrics: CallMetrics | None,
) -> Sequence[Target]:
    """The provider and its fallbacks, every one checked before the first transport is made."""
    request = ChatRequest(
        settings.model or "",
        prompt.system,
        prompt.user,
        settings.max_tokens,
        settings.temperature,
        prompt.schema,
        settings.logprobs,
    )

    def target(serving: Serving) -> Callable[[], Target]:
        name, model = serving.provider.name, serving.model
        price = price_of(providers, name, model)
        endpoint = resolve_endpoint(serving.provider, environ)
        image_tokens = serving.provider.models[model].image_tokens
        asked = replace(request, model=model)
        return lambda: Target(endpoint, asked, price, _transport(settings, name, metrics), image_tokens)

    checked = [target(serving) for serving in serving_chain(settings, providers)]
    return [make() for make in checked]


def _transport(settings: ScoringSettings, provider: str, metrics: CallMetrics | None) -> Transport:
    """A reply with the probabilities of 20 alternatives a token takes about 2 kB for each token."""
    most = max(MAX_REPLY_BYTES, settings.max_tokens * 4096) if settings.logprobs else MAX_REPLY_BYTES
    transport = HttpTransport(connections=settings.concurrency, max_reply_bytes=most)
    return transport if metrics is None else MeteredTransport(transport, metrics, provider)
