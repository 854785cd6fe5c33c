"""Who serves the model, and which settings are refused before anything is sent."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from calibtui.core.errors import SettingsError
from calibtui.gateway.endpoint import resolve_endpoint, serving_chain, serving_provider
from calibtui.gateway.secrets import Redactor, Secret
from calibtui.workspace.settings import KeySettings, PriceSettings, ProviderSettings, ScoringSettings

PRICE = PriceSettings(2.3, 9.2)
KEY = "sk-canary-7Qd9xP2mZt4LwR8uYb3N"


def provider(name: str = "acme", *models: str, **fields: Any) -> ProviderSettings:
    return ProviderSettings(name, **{"base_url": "https://host/v1", **fields}, models=dict.fromkeys(models, PRICE))


def by_name(*providers: ProviderSettings) -> dict[str, ProviderSettings]:
    return {p.name: p for p in providers}


def test_the_only_provider_with_a_price_for_the_model_serves_it() -> None:
    providers = by_name(provider("a", "big"), provider("b", "small"))
    assert serving_provider(ScoringSettings(model="small"), providers).name == "b"


def test_the_named_provider_serves_the_model_whoever_else_could() -> None:
    providers = by_name(provider("a", "big"), provider("b", "big"))
    assert serving_provider(ScoringSettings(model="big", provider="a"), providers).name == "a"


@pytest.mark.parametrize(
    ("scoring", "said"),
    [
        (ScoringSettings(model=None), ["scoring.model"]),
        (ScoringSettings(model="big"), ["Several", "a, b"]),
        (ScoringSettings(model="none"), ["No provider", "none", "a, b"]),
        (ScoringSettings(model="big", provider="c"), ["scoring.provider", "c", "a, b"]),
    ],
)
def test_no_single_provider_is_an_error_that_names_the_candidates(scoring: ScoringSettings, said: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        serving_provider(scoring, by_name(provider("a", "big"), provider("b", "big")))
    assert all(word in str(caught.value) for word in said)


def test_a_fallback_serves_the_same_model_or_the_only_one_it_prices() -> None:
    providers = by_name(
        provider("a", "big", fallback="b"), provider("b", "big", "small", fallback="c"), provider("c", "other")
    )
    chain = serving_chain(ScoringSettings(model="big", provider="a"), providers)
    assert [(serving.provider.name, serving.model) for serving in chain] == [("a", "big"), ("b", "big"), ("c", "other")]


def test_fallbacks_in_a_circle_are_tried_once_each() -> None:
    providers = by_name(provider("a", "big", fallback="b"), provider("b", "big", fallback="a"))
    chain = serving_chain(ScoringSettings(model="big", provider="b"), providers)
    assert [serving.provider.name for serving in chain] == ["b", "a"]


@pytest.mark.parametrize("models", [(), ("one", "two")])
def test_a_fallback_without_one_model_to_stand_in_is_an_error_that_names_it(models: tuple[str, ...]) -> None:
    providers = by_name(provider("a", "big", fallback="b"), provider("b", *models))
    with pytest.raises(SettingsError, match=r"providers\.a\.fallback is b") as caught:
        serving_chain(ScoringSettings(model="big"), providers)
    assert (", ".join(models) or "none") in str(caught.value)


@pytest.mark.parametrize("api", ["openai", "anthropic", "gemini"])
def test_an_endpoint_knows_which_api_it_speaks(api: str) -> None:
    assert resolve_endpoint(provider(api=api), {}).api == api


def test_all_missing_variables_are_named_in_one_error() -> None:
    wanting = provider(keys=(KeySettings("KEY_A"), KeySettings("KEY_B")), headers={"x-bf-vk": "env:KEY_C"})
    with pytest.raises(SettingsError) as caught:
        resolve_endpoint(wanting, {"KEY_B": "value-of-b"})
    assert "KEY_A" in str(caught.value)
    assert "KEY_C" in str(caught.value)
    assert "KEY_B" not in str(caught.value)


def test_an_empty_variable_is_a_missing_one() -> None:
    with pytest.raises(SettingsError, match="KEY_A"):
        resolve_endpoint(provider(keys=(KeySettings("KEY_A"),)), {"KEY_A": " "})


@pytest.mark.parametrize("value", ["two\nlines-of-key", "k\x00ey-of-many", "schlüssel-lang"])
def test_a_key_that_fits_no_header_is_refused_by_its_variable(value: str) -> None:
    with pytest.raises(SettingsError, match="KEY_A") as caught:
        resolve_endpoint(provider(keys=(KeySettings("KEY_A"),)), {"KEY_A": value})
    assert value not in str(caught.value)


def test_line_breaks_around_a_key_are_taken_off() -> None:
    (key,) = resolve_endpoint(provider(keys=(KeySettings("KEY_A"),)), {"KEY_A": f"{KEY}\n"}).keys
    assert key.secret.reveal() == KEY


@pytest.mark.parametrize(
    "fields",
    [
        {"keys": (KeySettings(KEY),)},
        {"keys": (KeySettings("AIzaSyD4x9Qd7pLm2Zt4LwR8uYb3N"),)},
        {"headers": {"x-bf-vk": KEY}},
        {"headers": {"x-token": "c9f0f895fb98ab9159f51fd0297e236d"}},
        {"headers": {"Authorization": "Bearer abcdef"}},
        {"headers": {"x-bf-vk": f"env:{KEY}"}},
        {"base_url": f"https://user:{KEY}@host/v1"},
        {"base_url": f"https://host/v1?key={KEY}"},
    ],
)
def test_a_key_written_into_the_settings_is_refused_and_not_repeated(fields: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve_endpoint(provider(**fields), {})
    assert "providers.acme" in str(caught.value)
    assert "c9f0f895" not in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "AIza" not in str(caught.value)


def test_an_ordinary_header_passes() -> None:
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": "http://127.0.0.1:8000/v1"}
    assert resolve_endpoint(provider(headers=headers), {}).headers == headers


@pytest.mark.parametrize("url", ["", "host/v1", "ftp://host", "https://", "https://host:port/v1", "https://[bad/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"providers\.acme\.base_url"):
        resolve_endpoint(provider(base_url=url), {})


def test_a_slash_at_the_end_of_the_base_makes_no_difference() -> None:
    urls = {resolve_endpoint(provider(base_url=base), {}).url for base in ("https://h/v1", "https://h/v1/")}
    assert urls == {"https://h/v1"}


def test_a_secret_shows_its_source_only_and_is_not_pickled() -> None:
    endpoint = resolve_endpoint(
        provider(keys=(KeySettings("KEY_A"),), headers={"x": "env:KEY_B"}), dict.fromkeys(("KEY_A", "KEY_B"), KEY)
    )
    assert "KEY_A" in repr(endpoint)
    assert "canary" not in repr(endpoint)
    with pytest.raises(TypeError):
        pickle.dumps(endpoint.keys[0].secret)


@pytest.mark.parametrize(
    "echo",
    [
        f"Incorrect API key provided: {KEY}.",
        f"key {KEY[:14]}*** is unknown",
        f"key ...{KEY[-10:]} is unknown",
        "key vk%2Fplain%20secret%21value was refused",
        "vk/plain secret!value",
        "an unknown sk-proj-abcdefghij",
        "header was Bearer abc.def",
    ],
)
def test_echoes_of_a_key_are_masked_whole_in_part_and_encoded(echo: str) -> None:
    redact = Redactor([Secret("A", KEY), Secret("B", "vk/plain secret!value")])
    shown = redact(echo)
    assert "[secret]" in shown
    assert not any(piece in shown for piece in ("canary", KEY[-10:], "plain", "abcdefghij", "abc.def"))


def test_ordinary_text_is_left_as_it_is() -> None:
    text = "Budget exceeded: 105.5000 >= 100.0000 dollars for task-force at https://host/v1"
    assert Redactor([Secret("A", KEY), Secret("B", "short")])(text) == text
