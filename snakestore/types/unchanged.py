"""``UNCHANGED``: what ``fn`` of ``modify_variable`` returns to change nothing."""

from __future__ import annotations

from typing import Final, final


@final
class Unchanged:
    """``fn`` of ``modify_variable`` returns ``UNCHANGED`` to leave the variable as it is.

    The call counts as an access; there is no new version. Nothing else accepts ``UNCHANGED``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "snakestore.UNCHANGED"

    def __reduce__(self) -> str:
        return "UNCHANGED"  # copies are the object itself


UNCHANGED: Final = Unchanged()
