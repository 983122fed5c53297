"""What is never stored: the state of LMs, keys and headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import dspy

from snakestore.integrations.dspy.errors import SecretRefusedError

_CREDENTIAL = re.compile(
    r"(.*_)?(api_?key|access_key(_id)?|secret_key|client_secret|private_key"
    r"|(access|auth|bearer|refresh|session|id|api)_token|authorization|credentials?"
    r"|(extra|default|http|request)_headers)",
    re.IGNORECASE,
)
"""Names that hold a credential wherever they stand, also as a field of a demo."""

_SETTING = re.compile(
    r"headers|cookies?|token|password|passwd|secret|api_base|base_url|azure_endpoint|model_list"
    r"|(?!(stop|eos|bos|pad|sep|mask|cls|unk)_token$).*_(password|secret|token)",
    re.IGNORECASE,
)
"""Names that hold a credential or an endpoint among the settings of an LM.

A ``stop_token`` and the like are text for the model.
"""


def secrets_in(value: Any, path: str, *, settings: bool) -> Iterator[str]:
    """The paths of credentials inside ``value``.

    Args:
        value: JSON, or what becomes JSON.
        path: the path of ``value``.
        settings: whether it holds settings of an LM; else data, in which a field may well be named
            ``token``.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}"
            if isinstance(key, str) and is_secret(key, settings=settings):
                yield inner
            else:
                yield from secrets_in(item, inner, settings=settings)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from secrets_in(item, f"{path}[{index}]", settings=settings)
    elif isinstance(value, dspy.BaseLM):
        yield path


def is_secret(name: str, *, settings: bool) -> bool:
    """Whether a value of this name is not stored."""
    name = name.replace("-", "_").strip()
    return bool(_CREDENTIAL.fullmatch(name) or (settings and _SETTING.fullmatch(name)))


def refuse_secrets(value: Any, path: str, *, settings: bool) -> None:
    """Raise for the first credential.

    Raises:
        SecretRefusedError: ``.path`` says where it is.
    """
    for found in secrets_in(value, path, settings=settings):
        raise SecretRefusedError(found, "A key, header or LM")


def without_secrets(value: Any, *, settings: bool) -> Any:
    """A copy of ``value`` without credentials and LMs."""
    if isinstance(value, dict):
        return {
            key: without_secrets(item, settings=settings)
            for key, item in value.items()
            if not isinstance(item, dspy.BaseLM)
            and not (isinstance(key, str) and is_secret(key, settings=settings))
        }
    if isinstance(value, list | tuple):
        return [
            without_secrets(item, settings=settings)
            for item in value
            if not isinstance(item, dspy.BaseLM)
        ]
    return value
