"""The canary for the run that is about to begin: every place that may answer it is proved first."""

from __future__ import annotations

from collections.abc import Mapping

from calibtui.gateway.client import Gateway
from calibtui.gateway.completion import OnCall
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.intermediaries.canary import CANARY_PX, Canary, OpenGateway, canary_needed
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.observability.call_metrics import CallMetrics
from calibtui.gateway.stops import NoAnswerError
from calibtui.gateway.transport import Transport
from calibtui.gateway.upstream import Target
from calibtui.scoring.prompts import PromptTemplate
from calibtui.scoring.vlm import targets
from calibtui.workspace.settings import ProviderSettings, ScoringSettings


async def prove_caches(
    settings: ScoringSettings,
    providers: Mapping[str, ProviderSettings],
    prompt: PromptTemplate,
    environ: Mapping[str, str],
    payer: Payer | None,
    on_call: OnCall,
    metrics: CallMetrics | None = None,
) -> dict[str, NoAnswerError]:
    """Asks the provider and its fallbacks three questions each that no cache can answer, unless they are a provider's
    own address. Gives the fallbacks that did not answer, which nothing else must be sent to.

    Raises ConfigurationError where a cache answered one, NoAnswerError where the provider itself did not answer, and
    JudgeFailedError or BudgetExhaustedError where one of them refused.
    """
    first, *fallbacks = targets(settings, providers, prompt, environ, metrics)
    silent: dict[str, NoAnswerError] = {}
    try:
        await _prove(first, payer, on_call)
        for target in fallbacks:
            try:
                await _prove(target, payer, on_call)
            except NoAnswerError as error:
                silent[target.endpoint.provider] = error
    finally:
        for target in (first, *fallbacks):
            await target.transport.close()
    return silent


async def _prove(target: Target, payer: Payer | None, on_call: OnCall) -> None:
    if canary_needed(target.endpoint):
        canary = Canary(target.endpoint, target.request, target.transport, _opener(target, payer))
        await canary.passed(on_call)


def _opener(target: Target, payer: Payer | None) -> OpenGateway:
    def opened(endpoint: Endpoint, request: ChatRequest, transport: Transport) -> Gateway:
        return Gateway(
            endpoint, request, target.price, transport, max_px=CANARY_PX, payer=payer, image_tokens=target.image_tokens
        )

    return opened
