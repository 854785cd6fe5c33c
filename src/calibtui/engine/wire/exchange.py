"""The two kinds of request, and what every one of them may be answered with.

`POST /ask/{name}` reads and `POST /do/{name}` changes, each with the struct as its JSON body; `GET /snapshots` is a
stream of server-sent events whose data is a `calibtui.engine.wire.snapshot.Snapshot`.
"""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import msgspec

WIRE = 1
"""Raised with every change that an older client could misread; client and engine must agree on it."""

Answer = TypeVar("Answer")


class Query(msgspec.Struct, Generic[Answer], frozen=True, kw_only=True):
    """A question that changes nothing. `path` names it on the wire; `answer` is the type of what comes back."""

    path: ClassVar[str]
    answer: ClassVar[type]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done; answered with `Done`."""

    path: ClassVar[str]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """`said` is one sentence for people; `job` the name of the job that the command started, `run` likewise; `files`
    what it wrote, absolute."""

    said: str
    job: str | None = None
    run: str | None = None
    files: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is not 200. `kind`: "usage", "configuration", "budget", "confirmation", "busy",
    "version", "gone", "internal". `confirm`: with `kind` "confirmation", what the user must agree to; the same command
    with `confirmed` true goes ahead."""

    kind: str
    message: str
    hint: str = ""
    confirm: str = ""
