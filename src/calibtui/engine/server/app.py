"""The engine's HTTP API: snapshots, questions, commands, metrics."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from calibtui import __version__
from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, EngineRefusedError, WorkspaceBusyError
from calibtui.engine.queries.registry import QUERIES
from calibtui.engine.server.commands import all_commands
from calibtui.engine.server.service import Service
from calibtui.engine.server.users import allowed_uid, user_name
from calibtui.engine.wire.exchange import WIRE, Refused
from calibtui.engine.wire.snapshot import Viewer

KEEP_ALIVE_S = 10.0
LARGEST_BODY = 8 << 20
_WIRE = "x-calibtui-wire"
_TERMINAL = "x-calibtui-terminal"
_STATUS = {"version": 426, "confirmation": 409, "busy": 409, "gone": 404, "budget": 402, "internal": 500}

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(service: Service) -> Starlette:
    """The application of one engine."""

    async def ask(request: Request) -> Response:
        kinds = {kind.path: kind for kind in QUERIES}
        return _answer(await service.ask(await _read(request, kinds)))

    async def do(request: Request) -> Response:
        kinds = {kind.path: kind for kind in all_commands()}
        return _answer(await service.do(await _read(request, kinds), by=user_name(allowed_uid())))

    async def snapshots(request: Request) -> Response:
        _same_wire(request)
        terminal = request.headers.get(_TERMINAL, "")[:64]
        viewer = Viewer(user=user_name(allowed_uid()), terminal=terminal, since=time.time())
        headers = {"cache-control": "no-store"}
        return StreamingResponse(_events(service, viewer), media_type="text/event-stream", headers=headers)

    async def metrics(request: Request) -> Response:
        content_type, body = await service.exposition(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return Starlette(
        routes=[
            Route("/ask/{path}", _refusing(ask), methods=["POST"]),
            Route("/do/{path}", _refusing(do), methods=["POST"]),
            Route("/snapshots", _refusing(snapshots), methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ]
    )


async def _events(service: Service, viewer: Viewer) -> AsyncIterator[bytes]:
    with service.watched_by(viewer) as me:
        async for snapshot in service.board.stream(me, KEEP_ALIVE_S):
            yield b": \n\n" if snapshot is None else b"data: " + _encoded(snapshot) + b"\n\n"


def _refusing(endpoint: Endpoint) -> Endpoint:
    """Every error of ours is an answer with a reason."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CalibtuiError as error:
            refused = refusal(error)
        except Exception as error:
            request.app.state.on_failure(error)
            said = f"The engine failed where it should not: {type(error).__name__}: {error}"
            refused = Refused(kind="internal", message=said, hint="See .calibtui/calibtui.log in the workspace.")
        return _answer(refused, _STATUS.get(refused.kind, 400))

    return answer


def refusal(error: CalibtuiError) -> Refused:
    """What a client is told of an error."""
    if isinstance(error, EngineRefusedError):
        return Refused(kind=error.kind, message=error.message, hint=error.hint, confirm=error.confirm)
    kind = "budget" if isinstance(error, BudgetExhaustedError) else "configuration"
    kind = "busy" if isinstance(error, WorkspaceBusyError) else kind
    return Refused(kind=kind, message=error.message, hint=error.hint)


async def _read(request: Request, kinds: dict[str, type[Any]]) -> Any:
    """The struct in the body. Raises EngineRefusedError for another version, name or shape than expected."""
    _same_wire(request)
    kind = kinds.get(request.path_params["path"])
    if kind is None:
        raise EngineRefusedError("usage", f"This engine knows nothing of {request.path_params['path']!r}.")
    body = await request.body()
    if len(body) > LARGEST_BODY:
        raise EngineRefusedError("usage", f"A request of {len(body)} bytes is more than an engine takes.")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise EngineRefusedError("usage", f"{kind.path}: {error}.") from error


def _same_wire(request: Request) -> None:
    theirs = request.headers.get(_WIRE, "")
    if theirs != str(WIRE):
        raise EngineRefusedError(
            "version",
            f"This engine is of calibtui {__version__}, which speaks version {WIRE}; the client speaks "
            f"{theirs[:16] or 'none'}.",
            "Run `calibtui stop` with either of them, then `calibtui launch` with the one to go on with.",
        )


def _answer(told: Any, status: int = 200) -> Response:
    return Response(_encoded(told), status, {_WIRE: str(WIRE)}, media_type="application/json")


def _encoded(told: Any) -> bytes:
    try:
        return msgspec.json.encode(told)
    except UnicodeEncodeError:
        # A file name may hold bytes that are no text; it can't be looked up by this form, but it can be shown.
        return msgspec.json.encode(_textual(msgspec.to_builtins(told)))


def _textual(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_textual(key): _textual(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_textual(each) for each in value]
    return value
