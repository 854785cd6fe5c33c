"""Digests of a million files in a third of the memory of their texts, and where in the pool each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

DIGITS, BYTES, KEY_BYTES = 64, 32, 8

_NO_BYTE = 256
_BYTE_OF = np.full(1 << 16, _NO_BYTE, np.uint16)
_BYTE_OF[np.frombuffer(bytes(range(256)).hex().encode(), "<u2")] = np.arange(256)
"""What two digits say, by their characters read as one number."""

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class PackedDigests:
    """Of N files by place: `packed` (N, 32) uint8, zeros where the digest is no SHA-256 in lower-case hex; such a one
    is
    in `others`, by its place ("" of a file that was never read)."""

    packed: NDArray[np.uint8]
    others: dict[int, str]

    def __len__(self) -> int:
        return len(self.packed)

    def at(self, places: NDArray[np.integer]) -> list[str]:
        """The texts of these places."""
        text = self.packed[places].tobytes().hex()
        texts = [text[first : first + DIGITS] for first in range(0, len(text), DIGITS)]
        if self.others:
            return [self.others.get(place, each) for place, each in zip(places.tolist(), texts, strict=True)]
        return texts

    def take(self, places: Places) -> PackedDigests:
        """Those of these places, in their order."""
        if not self.others:
            return PackedDigests(self.packed[places], {})
        others = {new: self.others[old] for new, old in enumerate(places.tolist()) if old in self.others}
        return PackedDigests(self.packed[places], others)

    def places(self, asked: PackedDigests) -> Places:
        """(M,) the first place of each, −1 for a digest that no file has."""
        keys, order = self._by_key
        found = np.full(len(asked), -1, np.int64)
        if len(keys) and len(asked):
            there = order[_looked_up(keys, _keys(asked.packed))].astype(np.int64)
            found = np.where((self.packed[there] == asked.packed).all(axis=1), there, -1)
        for row, text in asked.others.items():
            found[row] = self._place_of_other.get(text, -1)
        return found

    def copies(self, among: int) -> Mask:
        """(`among`,) of the first so many places: whether a place before has the same digest."""
        copy = np.zeros(among, bool)
        keys, order = self._by_key
        again = np.flatnonzero(keys[1:] == keys[:-1])
        first, places = order[again], order[again + 1]
        same = (self.packed[first] == self.packed[places]).all(axis=1) & (places < among)
        copy[places[same]] = True
        for place, text in self.others.items():
            if place < among:
                copy[place] = self._place_of_other[text] < place
        return copy

    def beginning_with(self, text: str) -> Mask:
        """(N,) whose text begins so."""
        holds = np.zeros(len(self), bool)
        if len(text) <= DIGITS and set(text) <= set("0123456789abcdef"):
            whole, half = divmod(len(text), 2)
            wanted = np.frombuffer(bytes.fromhex(text[: 2 * whole]), np.uint8)
            holds = (self.packed[:, :whole] == wanted).all(axis=1)
            if half:
                holds &= self.packed[:, whole] >> 4 == int(text[-1], 16)
        for place, other in self.others.items():
            holds[place] = other.startswith(text)
        return holds

    @cached_property
    def _by_key(self) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        """Keys in ascending order and their places, the first of equal digests foremost; the others have none."""
        keys = _keys(self.packed)
        order = np.argsort(keys, kind="stable").astype(np.int32)
        if self.others:
            order = order[np.isin(order, list(self.others), invert=True)]
        return keys[order], order

    @cached_property
    def _place_of_other(self) -> dict[str, int]:
        return {text: place for place, text in sorted(self.others.items(), reverse=True)}


def packed_digests(texts: pa.StringArray) -> PackedDigests:
    """A null counts as ""."""
    plain = pc.equal(pc.fill_null(pc.binary_length(texts), 0), DIGITS).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(plain)
    values = _BYTE_OF[_characters(texts if len(rows) == len(texts) else texts.filter(pa.array(plain)))]
    if len(rows) == len(texts) and not (values == _NO_BYTE).any():
        return PackedDigests(values.astype(np.uint8), {})
    good = (values != _NO_BYTE).all(axis=1)
    packed = np.zeros((len(texts), BYTES), np.uint8)
    packed[rows[good]] = values[good]
    plain[rows[~good]] = False
    return PackedDigests(packed, {int(row): str(texts[row].as_py() or "") for row in np.flatnonzero(~plain)})


def joined(parts: Sequence[PackedDigests]) -> PackedDigests:
    """One behind the other."""
    others: dict[int, str] = {}
    begin = 0
    for part in parts:
        others |= {begin + place: text for place, text in part.others.items()}
        begin += len(part)
    return PackedDigests(np.concatenate([np.zeros((0, BYTES), np.uint8), *(part.packed for part in parts)]), others)


def _characters(texts: pa.StringArray) -> NDArray[np.uint16]:
    """(M, 32) pairs of characters, of M texts of 64 bytes each."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return np.zeros((0, BYTES), np.uint16)
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]].view("<u2").reshape(-1, BYTES)


def _looked_up(keys: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> Places:
    """(M,) where in the sorted `keys` each of `wanted` is, if anywhere."""
    # In ascending order, what one look-up needs is in the processor's cache from the one before.
    order = np.argsort(wanted)
    at = np.empty(len(wanted), np.int64)
    at[order] = np.searchsorted(keys, wanted[order])
    return np.minimum(at, len(keys) - 1)


def _keys(packed: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(N,) uint64, in the order of the digests."""
    return np.ascontiguousarray(packed[:, :KEY_BYTES]).view(">u8").ravel().astype(np.uint64)
