"""DSPy: modules as programs, variables that steer them, and resumable optimisation.

Needs ``pip install 'snakestore[dspy]'``.
"""

from snakestore.integrations.dspy.binding import bind, unbind
from snakestore.integrations.dspy.errors import (
    ProgramDriftError,
    ProgramDriftWarning,
    ResumeMismatchError,
    SecretRefusedError,
    TrialRecordedError,
)
from snakestore.integrations.dspy.results import Trial, TrialResult
from snakestore.integrations.dspy.saving import load_module, save_module
from snakestore.integrations.dspy.trials import TrialLog

__all__ = [
    "ProgramDriftError",
    "ProgramDriftWarning",
    "ResumeMismatchError",
    "SecretRefusedError",
    "Trial",
    "TrialLog",
    "TrialRecordedError",
    "TrialResult",
    "bind",
    "load_module",
    "save_module",
    "unbind",
]
