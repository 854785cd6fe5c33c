"""The one exception tree.

CalibtuiError                     exit code
├── ConfigurationError            2   calibtui.toml, an option, an input file that can't be used as it is
│   ├── SettingsError             2   a key of calibtui.toml: names file, table, key, nearest known key
│   ├── PoolError                 2   no frames, a manifest that can't be read
│   ├── AnnotationError           2   annotations missing, malformed, or classes that don't match
│   ├── PromptError               2   a prompt template missing, or edited under an old version
│   └── ModelError                2   a file that isn't a detector, or isn't ONNX at all
├── BudgetExhaustedError          3   everything so far is kept
├── JudgeFailedError              4   more frames failed than allowed
├── TargetMissedError             5   max_map_drop and the like
└── WorkspaceError                6   the workspace can't be used
    ├── WorkspaceBusyError        6   another process holds it
    ├── StoreVersionError         6   written by a newer calibtui
    ├── StoreDamagedError         6   can't be opened
    ├── WorkspaceUnwritableError  6   read-only directory, full disk
    └── EngineGoneError           6   nobody answers on the engine's socket, or not any more
EngineRefusedError                2   the engine answered no; `kind` says which no
InterruptedByUser                 130
"""

from __future__ import annotations


class CalibtuiError(Exception):
    """What failed, on which file, key or frame, and what to do next.

    `message` is one sentence that names the thing; `hint` says what to do. Both are plain text: whoever shows them
    escapes them.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigurationError(CalibtuiError):
    exit_code = 2


class SettingsError(ConfigurationError):
    pass


class PoolError(ConfigurationError):
    pass


class AnnotationError(ConfigurationError):
    pass


class PromptError(ConfigurationError):
    pass


class ModelError(ConfigurationError):
    pass


class BudgetExhaustedError(CalibtuiError):
    exit_code = 3


class JudgeFailedError(CalibtuiError):
    exit_code = 4


class TargetMissedError(CalibtuiError):
    exit_code = 5


class WorkspaceError(CalibtuiError):
    exit_code = 6


class WorkspaceBusyError(WorkspaceError):
    pass


class StoreVersionError(WorkspaceError):
    pass


class StoreDamagedError(WorkspaceError):
    pass


class WorkspaceUnwritableError(WorkspaceError):
    pass


class EngineGoneError(WorkspaceError):
    pass


class EngineRefusedError(CalibtuiError):
    """`kind` as of `calibtui.engine.wire.exchange.Refused`; with "confirmation", `confirm` is what to agree to."""

    exit_code = 2

    def __init__(self, kind: str, message: str, hint: str = "", confirm: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind
        self.confirm = confirm


class InterruptedByUser(CalibtuiError):  # noqa: N818 - an interruption is not an error
    exit_code = 130
