"""The file of a batch stays within the provider's limits, and is sent whole each time."""

from __future__ import annotations

import pytest

from calibtui.core.errors import SettingsError
from calibtui.core.money import Price
from calibtui.gateway.batch.anthropic import AnthropicBatches
from calibtui.gateway.batch.apis import batch_key, batch_price
from calibtui.gateway.batch.contract import BatchFile, BatchLimits, FileShape
from calibtui.gateway.batch.gemini import GeminiBatches
from calibtui.gateway.batch.openai import OpenAiBatches
from calibtui.gateway.endpoint import resolve_endpoint
from calibtui.workspace.settings import KeySettings, PriceSettings, ProviderSettings

SHAPE = FileShape(b"[", b",", b"]")


def test_a_file_takes_no_more_requests_than_the_limit(tmp_path):
    file = BatchFile(SHAPE, BatchLimits(2, 1000), tmp_path)
    for _ in range(2):
        assert file.takes(b"xx")
        file.add(b"xx")
    assert not file.takes(b"xx")


def test_a_file_is_never_larger_than_the_limit_its_frame_included(tmp_path):
    file = BatchFile(SHAPE, BatchLimits(100, 10), tmp_path)
    while file.takes(b"xxx"):
        file.add(b"xxx")
    with file.open() as whole:
        assert whole.read() == b"[xxx,xxx]"


def test_a_lone_request_over_the_limit_is_the_providers_to_refuse(tmp_path):
    assert BatchFile(SHAPE, BatchLimits(100, 2), tmp_path).takes(b"xxxxxx")


def test_a_file_can_be_sent_again_from_its_beginning_and_leaves_no_trace(tmp_path):
    file = BatchFile(SHAPE, BatchLimits(100, 100), tmp_path)
    file.add(b"x")
    for _ in range(2):
        with file.open() as whole:
            assert whole.read() == b"[x]"
    assert list(tmp_path.iterdir()) == []
    file.close()


def test_the_limits_are_the_documented_ones(speaking):
    openai, anthropic = speaking("http://h/v1", "openai"), speaking("http://h/v1", "anthropic")
    gemini = speaking("http://h/v1beta", "gemini")
    assert isinstance(openai, OpenAiBatches) and openai.limits == BatchLimits(50_000, 200_000_000)
    assert isinstance(anthropic, AnthropicBatches) and anthropic.limits == BatchLimits(100_000, 256_000_000)
    assert isinstance(gemini, GeminiBatches) and gemini.limits.size_bytes <= 2_000_000_000


@pytest.mark.parametrize(("share", "expected"), [(0.5, Price(2, 4)), (1.0, Price(3, 7)), (0.0, Price(0, 0))])
def test_the_price_of_a_batch_is_a_share_of_the_live_price_rounded_up(share, expected):
    assert batch_price(Price(3, 7), PriceSettings(batch_discount=share)) == expected


def test_a_batch_goes_with_the_heaviest_key_and_is_fetched_with_the_same_one():
    keys = (KeySettings("A", 0.2), KeySettings("B", 0.8))
    endpoint = resolve_endpoint(ProviderSettings("acme", "http://h/v1", keys=keys), {"A": "a-key", "B": "b-key"})
    chosen = batch_key(endpoint)
    assert chosen is not None and chosen.secret.source == "B"
    before = batch_key(endpoint, "A")
    assert before is not None and before.secret.source == "A"
    with pytest.raises(SettingsError, match="handed in to acme with the key in GONE"):
        batch_key(endpoint, "GONE")
