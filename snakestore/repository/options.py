"""The options of a repository: names, types, defaults, meanings and checks, for every signature."""

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple, Self, TypedDict, TypeVar

from snakestore.clock import Clock
from snakestore.errors import ValidationError
from snakestore.repository.arguments import (
    checked_count,
    checked_max_connections,
    checked_switch,
    checked_ttl,
)
from snakestore.repository.naming import show_signature
from snakestore.storage.settings import Durability, Settings

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_HISTORY = 100
DEFAULT_BUSY_TIMEOUT = 30.0


class RepositoryOptions(TypedDict, total=False):
    """The options of ``SessionRepository`` and ``AsyncSessionRepository``, and of their ``open``.

    Attributes:
        default_ttl: seconds or timedelta that a new session may be idle; None: it never expires.
        history: how many past versions each variable and each program of a new session keeps;
            None: all, 0: none.
        busy_timeout: seconds to wait for a database that other connections keep busy.
        durability: "normal" (an acknowledged write survives ``kill -9``) or "full" (also a power
            failure); for ``open`` and ``create_engine``, other engines keep their own settings.
        clock: a function that returns the time, an aware datetime; None: the system's clock, on
            PostgreSQL the server's.
        max_value_bytes: the size limit of a value, program or log entry as stored; None: no limit.
        cache: answer ``get_value`` and ``get_variable`` from memory until the SQLite file changes;
            only for engines of ``open`` and ``create_engine``. Each connection keeps up to 16 MiB.
        touch_on_read: whether reads count as accesses; False: only writes and ``touch`` do, so
            reads write nothing.
        max_connections: how many connections the repository may use at once in one process. A
            caller that finds none free waits up to ``busy_timeout``. Idle ones are closed after a
            minute.
    """

    default_ttl: float | timedelta | None
    history: int | None
    busy_timeout: float
    durability: Durability
    clock: Clock | None
    max_value_bytes: int | None
    cache: bool
    touch_on_read: bool
    max_connections: int


DEFAULTS: RepositoryOptions = {
    "default_ttl": 3600,
    "history": DEFAULT_HISTORY,
    "busy_timeout": DEFAULT_BUSY_TIMEOUT,
    "durability": "normal",
    "clock": None,
    "max_value_bytes": 64 * 2**20,
    "cache": False,
    "touch_on_read": True,
    "max_connections": 16,
}


class Options(NamedTuple):
    """The options of a repository, checked."""

    default_ttl: float | None
    history: int | None
    max_value_bytes: int | None
    settings: Settings
    clock: Clock | None
    cache: bool
    touch_on_read: bool
    max_connections: int

    @classmethod
    def checked(cls, given: RepositoryOptions, caller: str) -> Self:
        """``given`` and the defaults of the others.

        Args:
            caller: the name of the class or method that takes the options.

        Raises:
            TypeError: there is no option of that name.
            ValidationError: a value is out of range or of the wrong type.
        """
        check_option_names(given, caller)
        options = DEFAULTS | given
        clock = options["clock"]
        if clock is not None and not callable(clock):
            message = (
                "clock must be a function that returns an aware datetime, not"
                f" {type(clock).__name__}"
            )
            raise ValidationError(message, value=clock)
        return cls(
            default_ttl=checked_ttl(options["default_ttl"]),
            history=checked_count(options["history"], "history"),
            max_value_bytes=checked_count(options["max_value_bytes"], "max_value_bytes"),
            settings=Settings.checked(options["busy_timeout"], options["durability"]),
            clock=clock,
            cache=checked_switch(options["cache"], "cache"),
            touch_on_read=checked_switch(options["touch_on_read"], "touch_on_read"),
            max_connections=checked_max_connections(options["max_connections"]),
        )


def check_option_names(given: Mapping[str, object], caller: str) -> None:
    """Refuse options that do not exist.

    Raises:
        TypeError: as Python raises it, naming ``caller`` and the option.
    """
    for name in given:
        if name not in DEFAULTS:
            from difflib import get_close_matches  # noqa: PLC0415 - needed for this message alone

            message = f"{caller}() got an unexpected keyword argument {name!r}"
            similar = get_close_matches(name, DEFAULTS, n=1)
            raise TypeError(f"{message}. Did you mean {similar[0]!r}?" if similar else message)


def show_options(function: F) -> F:
    """Show each option in the signature and the docstring of a function that takes ``**options``.

    ``inspect.signature``, ``typing.get_type_hints``, ``help()`` and IPython then list the options
    as parameters with defaults. Type checkers and editors read them from
    ``Unpack[RepositoryOptions]``.
    """
    signature = inspect.signature(function, eval_str=True)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    show_signature(function, signature.replace(parameters=own + _PARAMETERS))
    if function.__doc__:
        documented = inspect.cleandoc(function.__doc__)
        function.__doc__ = documented.replace("    **options: see RepositoryOptions.", _DESCRIBED)
    return function


_PARAMETERS = [
    inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=DEFAULTS.get(name),
        annotation=annotation,
    )
    for name, annotation in RepositoryOptions.__annotations__.items()
]
_DESCRIBED = inspect.cleandoc(RepositoryOptions.__doc__ or "").partition("Attributes:\n")[2]
