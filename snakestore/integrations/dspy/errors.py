"""The errors and warnings of the DSPy adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakestore.errors import ConflictError, ValidationError, shorten
from snakestore.integrations.dspy.drift import Drift


class _Drifted:
    """What ``ProgramDriftError`` and ``ProgramDriftWarning`` have in common."""

    program_id: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    reordered: tuple[str, ...]
    changed: dict[str, tuple[str, str]]

    def _set_drift(self, program_id: str, drift: Drift) -> None:
        self.program_id = program_id
        self.missing = drift.missing
        self.extra = drift.extra
        self.reordered = drift.reordered
        self.changed = drift.changed


class ProgramDriftError(_Drifted, ConflictError):
    """A stored module differs from the live one. The live module is unchanged.

    Paths are like ``"answer"`` for a predictor and ``"answer.signature.question"`` for a field.

    Attributes:
        missing: paths that only the stored module has.
        extra: paths that only the live module has.
        reordered: predictors whose fields are in another order.
        changed: path -> (stored, live), for classes, types of fields, and input against output.
    """

    def __init__(self, program_id: str, drift: Drift) -> None:
        super().__init__(
            f"Program {shorten(program_id)} does not fit this module: {drift}. Nothing was loaded."
            " Save the module anew, or load what fits with strict=False."
        )
        self._set_drift(program_id, drift)


class ProgramDriftWarning(_Drifted, UserWarning):
    """``load_module`` loaded a module that differs from the stored one, or from other versions.

    It has the attributes of ``ProgramDriftError``, and ``.versions``: the name of a package, or
    "python", -> (stored, installed).
    """

    def __init__(self, program_id: str, drift: Drift) -> None:
        super().__init__(f"Program {shorten(program_id)} was saved from another module: {drift}")
        self._set_drift(program_id, drift)
        self.versions = drift.versions


class SecretRefusedError(ValidationError):
    """A module or a candidate holds the state of an LM, a key or headers. ``.path``.

    Nothing was stored.
    """

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            f"{what} at {path} is not stored: it may contain keys. Nothing was stored. Configure"
            " LMs with dspy.configure() or dspy.context(). omit_secrets=True of save_module() and"
            " record() leaves such settings out.",
            path=path,
        )


class ResumeMismatchError(ConflictError):
    """A study was started with other parameters, another dataset or another seed. ``.study``.

    ``.differences``: "params", "dataset" or "seed" -> (stored, given).
    """

    def __init__(self, study: str, differences: Mapping[str, tuple[Any, Any]]) -> None:
        shown = "; ".join(
            f"{name}: {shorten(stored)}, now {shorten(given)}"
            for name, (stored, given) in differences.items()
        )
        super().__init__(
            f"Study {shorten(study)} was started with other values ({shown}). Give the stored ones,"
            " choose another study, or resume it all the same with force=True."
        )
        self.study = study
        self.differences = dict(differences)


class TrialRecordedError(ConflictError):
    """This attempt of the trial has another result already. ``.study`` ``.trial`` ``.attempt``."""

    def __init__(self, study: str, trial: int, attempt: int) -> None:
        super().__init__(
            f"Attempt {attempt} of trial {trial} of study {shorten(study)} has another result"
            " already. An attempt is recorded once; claim() the next trial."
        )
        self.study = study
        self.trial = trial
        self.attempt = attempt
