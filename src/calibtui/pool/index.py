"""The index pass: each new or changed file is read once, hashed, decoded small, and described."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from calibtui.core.frames import Candidate, IndexedFrame
from calibtui.core.progress import StopFlag
from calibtui.pool.decoding import (
    UnreadableImage,
    eight_bit,
    failures_named,
    format_of,
    is_jpeg,
    opened,
    orientation_of,
    read_bytes,
    rgb,
    turned_size,
    upright,
)
from calibtui.pool.descriptors import DESCRIPTOR_SIZE, DESCRIPTOR_VERSION, SIDE, describe

__all__ = ["DESCRIPTOR_SIZE", "DESCRIPTOR_VERSION", "changed", "index_frame", "index_frames"]

_AHEAD = 4
"""Files a worker that are under way at once: enough to never wait, few enough to bound what an interruption throws
away."""


def changed(candidates: Sequence[Candidate], known: Mapping[str, tuple[int, int]]) -> list[Candidate]:
    """The candidates whose (size_bytes, mtime_ns) isn't the one `known` for their uri, in the order given."""
    seen = known.get
    return [file for file in candidates if seen(file.uri) != (file.size_bytes, file.mtime_ns)]


def index_frames(
    candidates: Sequence[Candidate],
    known: Mapping[str, tuple[int, int]],
    *,
    workers: int,
    batch: int = 256,
    stop: StopFlag,
) -> Iterator[list[IndexedFrame]]:
    """Indexes the candidates that are new or changed, in their order, and yields them in lists of at most `batch`.

    What was yielded and stored needn't be done again: hand its (size_bytes, mtime_ns) back as `known`. A row with an
    empty digest could not be read at all; leave it out of `known` where it should be tried again. The work runs in
    `workers` threads: decoding and hashing release the interpreter's lock.

    Raises InterruptedByUser once `stop` is set, after yielding what was finished by then.
    """
    waiting = iter(changed(candidates, known))
    running: deque[Future[IndexedFrame]] = deque()
    done: list[IndexedFrame] = []
    executor = ThreadPoolExecutor(max(1, workers), thread_name_prefix="index")
    try:
        while not stop:
            while len(running) < _AHEAD * max(1, workers) and (file := next(waiting, None)) is not None:
                running.append(executor.submit(index_frame, file))
            if not running:
                break
            done.append(running.popleft().result())
            if len(done) >= batch:
                yield done
                done = []
        if done:
            yield done
        stop.raise_if_set()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def index_frame(candidate: Candidate) -> IndexedFrame:
    """The row of one file: never raises for what the file is, but says it in `reason`.

    The size and time are the candidate's, taken before reading: a file that changes meanwhile is indexed again next
    time. A row whose `reason` is about the file's name carries a printable `path`, which doesn't exist."""
    digest = ""
    try:
        if not _is_utf8(candidate.path):
            return _row(candidate, path=Path(candidate.uri), reason="its name isn't UTF-8; rename the file")
        data = read_bytes(candidate.path)
        digest = hashlib.sha256(data).hexdigest()
        image = opened(candidate.path, data)
        with failures_named(candidate.path):
            orientation = orientation_of(image)
            width, height = turned_size(image.size, orientation)
            descriptor = describe(upright(_small(candidate.path, image), orientation))
        return IndexedFrame(
            candidate.uri, candidate.path, digest, candidate.size_bytes, candidate.mtime_ns,
            width, height, format_of(image), descriptor, None, candidate.columns,
        )  # fmt: skip
    except UnreadableImage as error:
        return _row(candidate, path=candidate.path, digest=digest, reason=error.reason)


def _small(path: Path, image: Image.Image) -> Image.Image:
    """All of `image` decoded, at 1/8 where it is a JPEG of at least 768 px a side; no side falls below the
    descriptor's."""
    if is_jpeg(image):
        image.draft("YCbCr", (SIDE, SIDE))
    image.load()
    return image if image.mode in ("YCbCr", "L") else _descriptor_ready(path, image)


def _descriptor_ready(path: Path, image: Image.Image) -> Image.Image:
    image = eight_bit(path, image)
    return image if image.mode == "L" else rgb(path, image)


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _row(candidate: Candidate, *, path: Path, reason: str, digest: str = "") -> IndexedFrame:
    return IndexedFrame(
        candidate.uri, path, digest, candidate.size_bytes, candidate.mtime_ns, 0, 0, "", None, reason, candidate.columns
    )  # fmt: skip
