"""The judge that the settings name: what it is known by, and the judge itself once something must be asked."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.scores import Score
from calibtui.detector.detector import Detector
from calibtui.gateway.completion import OnCall
from calibtui.gateway.endpoint import resolve_endpoint, serving_chain
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.prices import price_of
from calibtui.pipeline.context import Context
from calibtui.pipeline.money import node_charged
from calibtui.pipeline.questions import JudgeIdentity, Questions
from calibtui.pipeline.twin import simulated_twin_of
from calibtui.report.judges import PRACTICE_PREFIX
from calibtui.scoring.cache_check import prove_caches
from calibtui.scoring.detector_judge import DetectorJudge
from calibtui.scoring.judge import Judge
from calibtui.scoring.payload import PayloadRecipe, payload_digests
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.vlm import parameters_digest, vlm_judge
from calibtui.store.frames import FrameRow
from calibtui.workspace.settings import ScoringSettings

OnCommit = Callable[[Sequence[Score], Sequence[Score], Collection[str]], None]


def _unheard(_: Sequence[Score], __: Sequence[Score], ___: Collection[str]) -> None:
    """For a judge that takes nothing over."""


@dataclass(frozen=True, slots=True)
class ConfiguredJudge:
    """`scoring` is what this judge goes by; `questions` name what is asked; `open` makes the judge that answers, its
    calls charged to a payer; `paid` is
    whether there
    are any; `prove` raises where a cache between here and the model would mix frames up; `on_commit` is told of scores
    that were asked for, once they are durable, of those that were taken over from similar frames, which it stores, and
    of the digests whose scores were taken back."""

    scoring: ScoringSettings
    questions: Questions
    paid: bool
    open: Callable[[Payer | None], Judge]
    prove: Callable[[Payer | None, OnCall], Awaitable[None]]
    on_commit: OnCommit = _unheard


def check_judge(context: Context, scoring: ScoringSettings) -> None:
    """Raises what is wrong with the judge's settings (no model, no price, a key missing from the environment) before
    any work."""
    if scoring.judge == "detector":
        context.model_settings()
        return
    for serving in serving_chain(scoring, context.settings.providers):
        price_of(context.settings.providers, serving.provider.name, serving.model)
        resolve_endpoint(serving.provider, os.environ)
    load_prompt(context.root, scoring.prompt)
    node_charged(context.store, context.settings)


def configured_judge(
    context: Context, detector: Callable[[], Detector], scoring: ScoringSettings, frames: Sequence[FrameRow]
) -> ConfiguredJudge:
    """The judge that `scoring` describes, asked about `frames`."""
    if scoring.judge == "detector":
        return _detector_judge(context, detector(), scoring, frames)
    return _vlm_judge(context, scoring, frames)


def practice_note(model: str) -> str:
    """A sentence for whoever reads scores of a practice judge; "" for any other."""
    if not model.startswith(PRACTICE_PREFIX):
        return ""
    return (
        f"The scores are of the practice judge {model}: it measures blur, contrast and structure on this machine, "
        "and no vision-language model was asked. The EUR are what one might have cost."
    )


def _vlm_judge(context: Context, scoring: ScoringSettings, frames: Sequence[FrameRow]) -> ConfiguredJudge:
    providers = context.settings.providers
    prompt = load_prompt(context.root, scoring.prompt)
    recipe = PayloadRecipe(scoring.max_px, scoring.jpeg_quality)
    identity = JudgeIdentity("vlm", scoring.model or "", prompt.label, prompt.digest, parameters_digest(scoring))
    payloads = payload_digests((frame.digest for frame in frames), recipe)
    questions = Questions(identity, frames, payloads, scoring.passes)

    silent: set[str] = set()

    def opened(payer: Payer | None) -> Judge:
        metrics = context.metrics.calls
        return vlm_judge(scoring, providers, prompt, os.environ, payer=payer, metrics=metrics, without=silent)

    async def prove(payer: Payer | None, on_call: OnCall) -> None:
        if not context.settings.cache.canary:
            return
        failed = await prove_caches(scoring, providers, prompt, os.environ, payer, on_call, context.metrics.calls)
        for name, error in failed.items():
            silent.add(name)
            context.note(
                f"The fallback {name} is left out of this run, for it did not answer the cache check: {error.message}"
            )

    return ConfiguredJudge(scoring, questions, True, opened, prove)


def _detector_judge(
    context: Context, detector: Detector, scoring: ScoringSettings, frames: Sequence[FrameRow]
) -> ConfiguredJudge:
    twin = simulated_twin_of(context, detector)
    model = context.model_settings()
    layout = digest_of([detector.layout.decoder, str(detector.layout.input), model.score_min, model.nms_iou])
    digests = (file_digest(detector.path), file_digest(twin.path), layout)
    judge = DetectorJudge(detector, twin, detector.path.name, digests)
    key = judge.key("")
    identity = JudgeIdentity("detector", key.model, judge.prompt, judge.prompt_digest, key.parameters_digest)
    # The same question twice would have the same answer, so this judge has one pass.
    questions = Questions(identity, frames, [judge.key(frame.digest).payload_digest for frame in frames], 1)

    async def nothing_to_prove(_: Payer | None, __: OnCall) -> None:
        """No request leaves this machine."""

    return ConfiguredJudge(scoring, questions, False, lambda _: judge, nothing_to_prove)
