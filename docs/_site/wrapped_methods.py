"""A Griffe extension: methods that a wrapper makes are documented as what they wrap.

In ``get_value = _reads(SessionRepository.get_value)`` Griffe sees an attribute without a docstring.
``AsyncSessionRepository`` and ``SessionView`` consist of such lines.
"""

from __future__ import annotations

from typing import Any

import griffe

from snakestore.repository.naming import without_argument

WRAPPED = ("SessionRepository", "RepositoryMethods")


class WrappedMethods(griffe.Extension):
    """Replace attributes that are wrapped methods by functions with signature and docstring."""

    def on_package(self, *, pkg: griffe.Module, **_kwargs: Any) -> None:
        """Look at all classes once the package is loaded."""
        methods = pkg["repository.SessionRepository"]
        for cls, awaited in (
            (pkg["aio.repository.AsyncSessionRepository"], True),
            (pkg["repository.view.SessionView"], False),
        ):
            for attribute in list(cls.attributes.values()):
                name = _wrapped_name(attribute)
                if name is not None:
                    function = _function(attribute, methods.all_members[name], awaited=awaited)
                    cls.set_member(attribute.name, function)


def _wrapped_name(attribute: griffe.Attribute) -> str | None:
    """``"get_value"`` in ``get_value = _reads(SessionRepository.get_value)``."""
    call = attribute.value
    if not isinstance(call, griffe.ExprCall) or not call.arguments:
        return None
    owner, _, name = str(call.arguments[0]).rpartition(".")
    return name if owner in WRAPPED else None


def _function(
    attribute: griffe.Attribute, method: griffe.Function, *, awaited: bool
) -> griffe.Function:
    """A coroutine function, or for a view a function without ``session_id``."""
    parameters = list(method.parameters)
    docstring = method.docstring
    if not awaited:
        session = parameters.pop(1)
        if docstring is not None:
            text = without_argument(docstring.value, session.name)
            docstring = griffe.Docstring(text, lineno=docstring.lineno, parser=docstring.parser)
    function = griffe.Function(
        attribute.name,
        lineno=attribute.lineno,
        endlineno=attribute.endlineno,
        parameters=griffe.Parameters(*parameters),
        returns=method.returns,
        docstring=docstring,
        runtime=True,
        analysis="static",
    )
    if awaited:
        function.labels.add("async")
    return function
