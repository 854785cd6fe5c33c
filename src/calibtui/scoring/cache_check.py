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
) -> None:
    """Asks the provider and its fallbacks three questions each that no cache can answer, unless they are a provider's
    own address.

    Raises ConfigurationError where a cache answered one, JudgeFailedError where nobody did, BudgetExhaustedError.
    """
    for target in targets(settings, providers, prompt, environ, metrics):
        try:
            if canary_needed(target.endpoint):
                canary = Canary(target.endpoint, target.request, target.transport, _opener(target, payer))
                await canary.passed(on_call)
        finally:
            await target.transport.close()


def _opener(target: Target, payer: Payer | None) -> OpenGateway:
    def opened(endpoint: Endpoint, request: ChatRequest, transport: Transport) -> Gateway:
        return Gateway(
            endpoint, request, target.price, transport, max_px=CANARY_PX, payer=payer, image_tokens=target.image_tokens
        )

    return opened
