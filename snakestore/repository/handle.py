"""How a repository behaves when an object that holds it is copied or pickled."""

from typing import NoReturn, Self, SupportsIndex


class SharedHandle:
    """Copies are the object itself, as they are of a logger. It cannot be pickled."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        kind = type(self).__name__
        message = (
            f"a {kind} cannot be pickled, because its connections belong to this process. Open one"
            f" in each process with {kind}.open(path_or_url), or bind one to that process's engine."
        )
        raise TypeError(message)
