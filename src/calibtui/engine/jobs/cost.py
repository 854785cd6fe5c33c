"""What a job may cost, for the sentence that somebody agrees to before it begins."""

from __future__ import annotations

import math
from collections.abc import Sequence

from calibtui.core.errors import ConfigurationError
from calibtui.core.money import Price, eur
from calibtui.core.progress import StopFlag, silent
from calibtui.detector.detector import Detector
from calibtui.gateway.endpoint import serving_chain
from calibtui.gateway.money.prices import price_of, worst_case
from calibtui.pipeline.cascade import scoring_stages
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import check_judge, configured_judge
from calibtui.pipeline.stability import again_asked
from calibtui.pool.sources import find_candidates
from calibtui.scoring.prompts import load_prompt
from calibtui.store.store import Store
from calibtui.workspace.settings import ScoringSettings, Settings

PROMPT_OVERHEAD_TOKENS = 256


def confirmation(settings: Settings, store: Store, stages: Sequence[str]) -> str:
    """The sentence to agree to, "" for a job that costs nothing: no scoring, a judge on this machine, a price of 0,
    nothing left to ask. Raises what is wrong with the judge's settings: who would be refused is not asked for money."""
    if "score" not in stages:
        return ""
    context = Context(settings, store, "", silent, StopFlag())
    sentences = [_of(context, scoring, number) for number, scoring in enumerate(scoring_stages(context))]
    return " ".join(sentence for sentence in sentences if sentence)


def _of(context: Context, scoring: ScoringSettings, number: int) -> str:
    if scoring.judge != "vlm":
        return ""
    check_judge(context, scoring)
    if _dearest(context.settings, scoring) == Price(0, 0):
        return ""
    questions, beforehand = _questions(context, scoring, number)
    return _sentence(context, scoring, questions, beforehand) if questions else ""


def question_cost(settings: Settings, store: Store, other: str | None, questions: int) -> str:
    """The sentence to agree to before that many questions are asked again, the configured model or an `other`. Raises
    what is wrong with the judge's settings."""
    context = Context(settings, store, "", silent, StopFlag())
    scoring = again_asked(context, other)
    check_judge(context, scoring)
    return "" if _dearest(settings, scoring) == Price(0, 0) else _sentence(context, scoring, questions, "up to ")


def _sentence(context: Context, scoring: ScoringSettings, questions: int, beforehand: str) -> str:
    price = _dearest(context.settings, scoring)
    text_bytes = len((prompt := load_prompt(context.root, scoring.prompt)).system) + len(prompt.user)
    most = worst_case(
        scoring.model or "", scoring.max_px, text_bytes, scoring.max_tokens, overhead_tokens=PROMPT_OVERHEAD_TOKENS
    )
    worst = questions * price.cost(most.input_tokens, most.output_tokens)
    likely = _mean_so_far(context.store, scoring.model or "")
    expected = f"likely {_amount(likely * questions)}, " if likely is not None else ""
    asked = f"{beforehand}{questions:,} question{'s' if questions != 1 else ''} to {scoring.model}"
    return f"{asked}: {expected}at most {_amount(worst)} without retries{_left(context)}."


def _questions(context: Context, scoring: ScoringSettings, number: int) -> tuple[int, str]:
    """How many are not answered yet, and a word before that number where it isn't certain."""
    frames = context.store.frames.usable("pool", unique=True)
    if number > 0:
        reach = context.settings.scoring.stages[number - 1].reach
        most = math.ceil(reach * context.settings.selection.size) * scoring.passes
        return min(most, len(frames) * scoring.passes) if frames else most, "up to "
    if not frames:
        return len(find_candidates(context.settings.pool.images, context.root)) * scoring.passes, "up to "
    questions = configured_judge(context, _no_detector, scoring, frames).questions
    known = context.store.scores.cached(questions.table()).num_rows if context.settings.cache.exact else 0
    return len(questions) - known, ""


def _no_detector() -> Detector:
    raise ConfigurationError("A judge that is asked over the network has no detector.")


def _dearest(settings: Settings, scoring: ScoringSettings) -> Price:
    """Of the provider and its fallbacks."""
    prices = [
        price_of(settings.providers, serving.provider.name, serving.model)
        for serving in serving_chain(scoring, settings.providers)
    ]
    return Price(max(price.input_micro_eur for price in prices), max(price.output_micro_eur for price in prices))


def _mean_so_far(store: Store, model: str) -> float | None:
    """micro-EUR that a call of the model has come to on average."""
    rows = [row for row in store.spending.by_model() if row.model == model or row.model.startswith(f"{model}-")]
    calls = sum(row.calls for row in rows)
    return sum(row.spent for row in rows) / calls if calls else None


def _left(context: Context) -> str:
    return "; the budgets' caps hold in any case" if context.settings.budgets else "; no budget caps it"


def _amount(micro: float) -> str:
    return f"{eur(round(micro)):,.2f} EUR"
