"""How a repository and its blocks behave when an object that holds them is copied or pickled."""

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
            f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind} cannot be pickled, because its"
            " connections belong to this process. Open one in each process with"
            f" {kind}.open(path_or_url), or bind one to that process's engine."
        )
        raise TypeError(message)


class SingleBlock:
    """A block that is entered once. It can be neither copied nor pickled."""

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        message = (
            "a block of lease() or transaction() can be neither copied nor pickled. Call the"
            " method again, in another process on a repository that is opened there."
        )
        raise TypeError(message)
