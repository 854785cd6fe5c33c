"""The frames whose score another may take over: those with a real answer, and those whose answer is on its way.

**Signatures are stored, of really scored frames alone.** Computing one takes about 3 ms of CPU and the file; stored it
takes 20 to 80 kB of a 1080p frame. It is computed once for a frame that is about to be asked for, which costs a
thousandth of the question, and from then on the frame is a source even where its file has been replaced by the very
copy that now looks for it. Frames that were scored before the layer was turned on get theirs when they are first
compared, if their file is still the one that was scored.

**Look-ups** are made for the next BLOCK frames of the queue at once, as one matrix product over everything scored until
then; what has come since is looked up frame by frame, and is few.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calibtui.core.errors import CalibtuiError
from calibtui.core.scores import Score
from calibtui.pipeline.context import Context
from calibtui.pipeline.questions import JudgeIdentity
from calibtui.pool.decoding import read_bytes
from calibtui.pool.index import DESCRIPTOR_SIZE, DESCRIPTOR_VERSION
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.payload import PayloadRecipe, payload_digest
from calibtui.scoring.similar.candidates import MOST, Candidate, ScoredIndex
from calibtui.scoring.similar.lookup import Repeat, first_repeat
from calibtui.scoring.similar.signature import SIGNATURE_VERSION, Signature, signature_of_bytes

BLOCK = 512
SIGNATURES_IN_MEMORY = 1024

_UNIT_TOLERANCE = 1e-3
_SCORE_COLUMNS = (
    "frame_uri", "digest", "difficulty", "reasons", "prompt", "prompt_digest", "answered_model", "provider",
    "input_tokens", "output_tokens", "budget_node", "latency_ms", "scored_at",
)  # fmt: skip

Asked = tuple[str, int]
"""(digest, pass)"""


class _PassIndex:
    """One pass's frames: `older` is looked up a block at a time, `recent` frame by frame."""

    def __init__(self) -> None:
        self._older, self._recent = ScoredIndex(DESCRIPTOR_SIZE), ScoredIndex(DESCRIPTOR_SIZE)
        self._unmerged: list[tuple[str, NDArray[np.float32]]] = []

    def append(self, digests: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._older.append(digests, vectors)

    def enter(self, digest: str, vector: NDArray[np.float32]) -> None:
        if digest not in self._older and digest not in self._recent:
            self._recent.append([digest], vector[None])
            self._unmerged.append((digest, vector))

    def older(self, vectors: NDArray[np.float32], cosine: float) -> list[tuple[Candidate, ...]]:
        """Of all that has entered so far."""
        if self._unmerged:
            self._older.append([digest for digest, _ in self._unmerged], np.stack([v for _, v in self._unmerged]))
            self._recent, self._unmerged = ScoredIndex(DESCRIPTOR_SIZE), []
        return self._older.nearest(vectors, cosine=cosine)

    def recent(self, vector: NDArray[np.float32], cosine: float) -> tuple[Candidate, ...]:
        """Of what has entered since `older` was last asked."""
        return self._recent.nearest(vector[None], cosine=cosine)[0] if len(self._recent) else ()


class ScoredFrames:
    """For several threads at a time."""

    def __init__(
        self,
        context: Context,
        identity: JudgeIdentity,
        recipe: PayloadRecipe,
        missing: Sequence[FrameToScore],
        threshold: float,
    ) -> None:
        """`missing`: the frames that will be looked up, in their order; `threshold`: cosine."""
        self._context = context
        self._identity = identity
        self._threshold = threshold
        self._lock = Lock()
        self._missing = missing
        self._places = {(frame.digest, frame.pass_number): place for place, frame in enumerate(missing)}
        self._vectors = context.store.frames.descriptors([frame.digest for frame in missing], DESCRIPTOR_VERSION)
        self._usable = _of_unit_length(self._vectors)
        self._found: dict[Asked, tuple[Candidate, ...]] = {}
        self._passes: dict[int, _PassIndex] = {frame.pass_number: _PassIndex() for frame in missing}
        self._signatures: OrderedDict[str, bytes | None] = OrderedDict()
        self._entered: dict[str, bytes] = {}
        self._unsaved: dict[str, bytes] = {}
        self._gone: set[str] = set()
        self._fresh: dict[Asked, Score] = {}
        self._rows: dict[Asked, int] = {}
        self._stored = self._load(recipe)

    def repeated_by(self, frame: FrameToScore) -> Repeat | None:
        """What the frame repeats: really scored, or entered by an earlier call and not answered yet. Without such a
        frame it enters itself, since it will be asked for. Raises CalibtuiError and ValueError."""
        signature = _signature(frame.path, frame.digest)
        if signature is None:
            return None
        with self._lock:
            candidates = [found for found in self._near(frame) if found.digest not in self._gone]
            repeat = first_repeat(signature, candidates[:MOST], self._signature)
            if repeat is None:
                self._enter(frame, signature.to_bytes())
            return repeat

    def score(self, digest: str, pass_number: int) -> Score | None:
        """The real score of a frame, from this run or an earlier one; None where it has none, or none any more."""
        with self._lock:
            if digest in self._gone:
                return None
            if fresh := self._fresh.get((digest, pass_number)):
                return fresh
            row = self._rows.get((digest, pass_number))
            return None if row is None else _score(self._stored.slice(row, 1).to_pylist()[0], self._identity.model)

    def scored(self, scores: Iterable[Score]) -> None:
        """Takes real scores that are durable."""
        with self._lock:
            for score in scores:
                self._fresh[score.digest, score.pass_number] = score
                if (signature := self._entered.pop(score.digest, None)) is not None:
                    self._unsaved[score.digest] = signature
                    self._remember(score.digest, signature)

    def take_back(self, digests: Collection[str]) -> None:
        """These frames' scores are no longer believed."""
        with self._lock:
            self._gone |= set(digests)

    def unsaved_signatures(self) -> dict[str, bytes]:
        """By digest, for the store; each is given once."""
        with self._lock:
            unsaved, self._unsaved = self._unsaved, {}
            return unsaved

    def _load(self, recipe: PayloadRecipe) -> pa.Table:
        """Fills the indices with stored scores of the same payload recipe; gives their rows."""
        identity = self._identity
        rows = self._context.store.similar.sources(
            identity.prompt_digest, identity.model, identity.parameters_digest, DESCRIPTOR_VERSION
        )
        vectors = _matrix(rows["vector"])
        digests, passes = rows["digest"].to_pylist(), rows["pass"].to_pylist()
        same = [
            payload == payload_digest(digest, recipe)
            for payload, digest in zip(rows["payload_digest"].to_pylist(), digests, strict=True)
        ]
        usable = np.flatnonzero(np.array(same, bool) & _of_unit_length(vectors))
        for number, index in self._passes.items():
            places = [int(place) for place in usable if passes[place] == number]
            index.append([digests[place] for place in places], vectors[places])
            self._rows |= {(digests[place], number): place for place in places}
        return rows.select([*_SCORE_COLUMNS, "pass"])

    def _near(self, frame: FrameToScore) -> list[Candidate]:
        asked = (frame.digest, frame.pass_number)
        place = self._places[asked]
        if not self._usable[place]:
            return []
        index = self._passes[frame.pass_number]
        if asked not in self._found:
            block = [
                other
                for other in range(place, min(place + BLOCK, len(self._missing)))
                if self._missing[other].pass_number == frame.pass_number and self._usable[other]
            ]
            for other, found in zip(block, index.older(self._vectors[block], self._threshold), strict=True):
                self._found[self._missing[other].digest, frame.pass_number] = found
        near = (*self._found.pop(asked), *index.recent(self._vectors[place], self._threshold))
        return sorted(near, key=lambda candidate: -candidate.cosine)

    def _enter(self, frame: FrameToScore, signature: bytes) -> None:
        place = self._places[frame.digest, frame.pass_number]
        self._entered[frame.digest] = signature
        if self._usable[place]:
            self._passes[frame.pass_number].enter(frame.digest, self._vectors[place])

    def _signature(self, digest: str) -> bytes | None:
        if digest in self._entered:
            return self._entered[digest]
        if digest not in self._signatures:
            stored = self._context.store.similar.signature(digest, SIGNATURE_VERSION)
            self._remember(digest, stored or self._of_file(digest))
        self._signatures.move_to_end(digest)
        return self._signatures[digest]

    def _of_file(self, digest: str) -> bytes | None:
        """Of a frame that was scored before signatures were kept."""
        row = next((self._rows[digest, number] for number in self._passes if (digest, number) in self._rows), None)
        if row is None:
            return None
        try:
            signature = _signature(self._context.path_of(self._stored["frame_uri"][row].as_py()), digest)
        except CalibtuiError:
            return None
        if signature is None:
            return None
        self._unsaved[digest] = signature.to_bytes()
        return self._unsaved[digest]

    def _remember(self, digest: str, signature: bytes | None) -> None:
        self._signatures[digest] = signature
        if len(self._signatures) > SIGNATURES_IN_MEMORY:
            self._signatures.popitem(last=False)


def _signature(path: Path, digest: str) -> Signature | None:
    """None where the file is no longer the one of that digest. Raises UnreadableImage."""
    data = read_bytes(path)
    return signature_of_bytes(path, data) if hashlib.sha256(data).hexdigest() == digest else None


def _matrix(vectors: pa.ChunkedArray) -> NDArray[np.float32]:
    flat: NDArray[np.float32] = vectors.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(vectors), DESCRIPTOR_SIZE)


def _of_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,): a descriptor without a direction has no neighbours."""
    close: NDArray[np.bool_] = np.abs(np.linalg.norm(vectors, axis=1) - 1) <= _UNIT_TOLERANCE
    return close


def _score(row: dict[str, object], model: str) -> Score:
    named = {name: row[name] for name in _SCORE_COLUMNS} | {"reasons": tuple(row["reasons"])}  # type: ignore[arg-type]
    return Score(**named, requested_model=model, pass_number=row["pass"], cached=None, cost_micro_eur=0)  # type: ignore[arg-type]
