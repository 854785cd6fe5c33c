"""The batch APIs that are spoken, by the provider's api in calibtui.toml, and what their calls cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from calibtui.core.errors import SettingsError
from calibtui.core.money import Price
from calibtui.gateway.batch.anthropic import AnthropicBatches
from calibtui.gateway.batch.contract import BatchApi
from calibtui.gateway.batch.gemini import GeminiBatches
from calibtui.gateway.batch.http import BatchHttp
from calibtui.gateway.batch.openai import OpenAiBatches
from calibtui.gateway.dialects.apis import DIALECTS
from calibtui.gateway.dialects.dialect import ChatRequest, Dialect
from calibtui.gateway.endpoint import Endpoint, Key
from calibtui.workspace.settings import PriceSettings

_APIS: Mapping[str, Callable[[BatchHttp, Dialect], BatchApi]] = {
    "openai": OpenAiBatches,
    "anthropic": AnthropicBatches,
    "gemini": GeminiBatches,
}


def batch_key(endpoint: Endpoint, source: str | None = None) -> Key | None:
    """The key that files and batches belong to, since no other may read them: that of the variable `source`, else the
    one of the greatest weight; None for an endpoint without keys. Raises SettingsError where `source` is no longer a
    key of the endpoint."""
    if source:
        for key in endpoint.keys:
            if key.secret.source == source:
                return key
        raise SettingsError(
            f"A batch was handed in to {endpoint.provider} with the key in {source}, which its keys name no more.",
            f"Put it back into [providers.{endpoint.provider}] keys until the batch is done; weight = 0 is enough.",
        )
    return max(endpoint.keys, key=lambda key: key.weight, default=None)


def batch_api(endpoint: Endpoint, request: ChatRequest, key: Key | None) -> BatchApi:
    """The batch API of the model that `request` names; nothing is sent yet."""
    dialect = DIALECTS[endpoint.api](request)
    return _APIS[endpoint.api](BatchHttp(endpoint, dialect, key), dialect)


def batch_price(live: Price, settings: PriceSettings) -> Price:
    """The price of a model in a batch, rounded up to whole micro-EUR a million tokens."""
    share = Fraction(str(settings.batch_discount))
    return Price(_share(live.input_micro_eur, share), _share(live.output_micro_eur, share))


def _share(price: int, share: Fraction) -> int:
    exact = price * share
    return -(-exact.numerator // exact.denominator)
