"""Label values that strangers may have written: short, printable and few.

Every distinct value is a time series for as long as Prometheus keeps data, so a server that answers with a new model
name each time must not make new ones.
"""

from __future__ import annotations

from threading import Lock

OTHER = "other"
UNKNOWN = "unknown"
LONGEST = 80
MOST = 32


class BoundedLabel:
    """Maps any text to one of at most `most` values of at most `longest` characters; what comes later is "other"."""

    def __init__(self, most: int = MOST, longest: int = LONGEST) -> None:
        self._most = most
        self._longest = longest
        self._known: set[str] = {OTHER, UNKNOWN}
        self._lock = Lock()

    def __call__(self, value: str) -> str:
        clean = "".join(c if c.isprintable() else "_" for c in value[: self._longest]).strip() or UNKNOWN
        if clean in self._known:
            return clean
        with self._lock:
            if len(self._known) >= self._most + 2:
                return OTHER
            self._known.add(clean)
        return clean
