"""The vlm judge: a frame and the pinned prompt to a vision-language model, its reply into a score."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import cast

from calibtui.core.digests import digest_of
from calibtui.core.scores import CallRecord, FailedScore, Score, ScoreKey
from calibtui.gateway.call_metrics import CallMetrics
from calibtui.gateway.client import CallFailure, Completion, Gateway, OnCall, RetryPolicy
from calibtui.gateway.endpoint import resolve_endpoint, serving_provider
from calibtui.gateway.metered_transport import MeteredTransport
from calibtui.gateway.openai import ChatRequest
from calibtui.gateway.prices import price_of
from calibtui.gateway.transport import AiohttpTransport, Transport
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
        return build_payload(frame.path, self._recipe)

    async def ask(self, frame: FrameToScore, prepared: object, on_call: OnCall) -> Score | FailedScore:
        """The score, or what kept coming back instead. Raises BudgetExhaustedError and JudgeFailedError."""
        image = cast(bytes, prepared)
        ends = time.monotonic() + self._settings.deadline_s
        spent = _Spent(on_call)
        failed = FailedScore(frame.uri, frame.digest, "unreadable", "")
        for _ in range(ASKS):
            left = ends - time.monotonic()
            if left <= 0:
                break
            answer = await self._gateway.complete(image, digest=frame.digest, deadline_s=left, on_call=spent.add)
            if isinstance(answer, CallFailure):
                return FailedScore(frame.uri, frame.digest, answer.kind.value, answer.message)
            try:
                return self._score(frame, answer, self._verdict(answer), spent)
            except ReplyError as error:
                kind = "refused" if answer.refusal else "unreadable"
                failed = FailedScore(frame.uri, frame.digest, kind, self._gateway.redact(error.beginning))
        return failed

    async def close(self) -> None:
        await self._gateway.close()

    def _verdict(self, answer: Completion) -> Verdict:
        if answer.refusal or not answer.text:
            raise ReplyError("the model refused or said nothing", answer.refusal or answer.finish_reason)
        verdict = parse_reply(answer.text, self._prompt.scale)
        return Verdict(verdict.difficulty, tuple(self._gateway.redact(reason) for reason in verdict.reasons))

    def _score(self, frame: FrameToScore, answer: Completion, verdict: Verdict, spent: _Spent) -> Score:
        return Score(
            frame_uri=frame.uri,
            digest=frame.digest,
            difficulty=verdict.difficulty,
            reasons=verdict.reasons,
            prompt=self._prompt.label,
            prompt_digest=self._prompt_digest,
            requested_model=self.model,
            answered_model=answer.answered_model,
            provider=self.provider,
            pass_number=frame.pass_number,
            cached=None,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            cost_micro_eur=spent.micro_eur,
            budget_node=None,
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
    """Of everything besides prompt, model and payload that a reply depends on."""
    return digest_of({"max_tokens": settings.max_tokens, "temperature": settings.temperature})


def vlm_judge(
    settings: ScoringSettings,
    providers: Mapping[str, ProviderSettings],
    prompt: PromptTemplate,
    environ: Mapping[str, str],
    *,
    retry: RetryPolicy | None = None,
    seed: int = 0,
    metrics: CallMetrics | None = None,
) -> VlmJudge:
    """The judge that the settings describe; nothing is sent yet. Its requests are counted in `metrics`.

    Raises SettingsError for what can be known beforehand: no model, no provider or several, no price, an api that isn't
    spoken, a key that is missing from `environ` or written into the settings.
    """
    provider = serving_provider(settings, providers)
    model = settings.model or ""
    price = price_of(providers, provider.name, model)
    endpoint = resolve_endpoint(provider, environ)
    request = ChatRequest(model, prompt.system, prompt.user, settings.max_tokens, settings.temperature, prompt.schema)
    recipe = PayloadRecipe(settings.max_px, settings.jpeg_quality)
    transport: Transport = AiohttpTransport(connections=settings.concurrency)
    if metrics is not None:
        transport = MeteredTransport(transport, metrics, provider.name)
    gateway = Gateway(endpoint, request, price, transport, max_px=settings.max_px, retry=retry, seed=seed)
    return VlmJudge(gateway, prompt, recipe, settings)
