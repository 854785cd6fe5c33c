"""How the practice judge behaves, and the command line that says so. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PracticeOptions:
    """`port` 0 is any free one. Of all requests, a seeded share `fail_rate` gets a 500 and `garbage_rate` a reply in
    bad shape; above `rate_limit` requests/s (0: no limit) they get a 429 with Retry-After. `key_env`: the environment
    variable with the key that every request must bear, None for no key. `until_stdin_closes`: end when the parent
    does. A batch is answered after `batch_delay_ms`, but for a seeded share `batch_expire_rate` of its requests; one
    that would bring the input tokens of all that wait above `batch_token_limit` (0: no limit) is turned down.
    """

    port: int = 0
    latency_ms: float = 0.0
    fail_rate: float = 0.0
    garbage_rate: float = 0.0
    rate_limit: float = 0.0
    seed: int = 0
    key_env: str | None = None
    until_stdin_closes: bool = False
    batch_delay_ms: float = 0.0
    batch_expire_rate: float = 0.0
    batch_token_limit: int = 0

    def arguments(self) -> list[str]:
        """The command line that makes these options."""
        words = [f"--port={self.port}", f"--latency-ms={self.latency_ms}", f"--fail-rate={self.fail_rate}"]
        words += [f"--garbage-rate={self.garbage_rate}", f"--rate-limit={self.rate_limit}", f"--seed={self.seed}"]
        words += [f"--batch-delay-ms={self.batch_delay_ms}", f"--batch-expire-rate={self.batch_expire_rate}"]
        words += [f"--batch-token-limit={self.batch_token_limit}"]
        words += [f"--key={self.key_env}"] if self.key_env else []
        words += ["--until-stdin-closes"] if self.until_stdin_closes else []
        return words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `calibtui practice-vlm`."""
    parser.add_argument("--port", type=_within(int, 0, 65535), default=0, help="TCP port on loopback; 0 takes any")
    parser.add_argument("--latency-ms", type=_within(float, 0, 600_000), default=0.0, help="wait before an answer, ms")
    parser.add_argument("--fail-rate", type=_within(float, 0, 1), default=0.0, help="share of requests answered 500")
    parser.add_argument("--garbage-rate", type=_within(float, 0, 1), default=0.0, help="share of badly shaped replies")
    parser.add_argument("--rate-limit", type=_within(float, 0, 1e9), default=0.0, help="requests/s, 429 above; 0: none")
    parser.add_argument("--seed", type=int, default=0, help="which requests fail")
    parser.add_argument(
        "--batch-delay-ms", type=_within(float, 0, 86_400_000), default=0.0, help="time until a batch is answered, ms"
    )
    parser.add_argument(
        "--batch-expire-rate", type=_within(float, 0, 1), default=0.0, help="share of a batch's requests that expire"
    )
    parser.add_argument(
        "--batch-token-limit",
        type=_within(int, 0, 10**12),
        default=0,
        help="input tokens that may wait in batches, more are turned down; 0: no limit",
    )
    parser.add_argument("--key", dest="key_env", metavar="ENV", help="variable with the key that requests must bear")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input does")


def parse_options(arguments: Sequence[str] | None = None) -> PracticeOptions:
    parser = argparse.ArgumentParser(
        prog="calibtui practice-vlm",
        description="A judge on loopback that measures pictures and speaks the APIs of OpenAI, Anthropic and Gemini: "
        "for practice, no key, no cost.",
    )
    add_arguments(parser)
    return options_from(parser.parse_args(arguments))


def options_from(namespace: argparse.Namespace) -> PracticeOptions:
    """The options out of a parsed command line, whatever else it holds."""
    return PracticeOptions(**{name: getattr(namespace, name) for name in PracticeOptions.__slots__})


def _within(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be between {low:g} and {high:g}")
        return value

    return number
