"""A Griffe extension: methods that a wrapper makes are documented as what they wrap.

In ``get_value = _reads(SessionRepository.get_value)`` Griffe sees an attribute without a docstring.
``AsyncSessionRepository`` and ``SessionView`` consist of such lines.
"""

from __future__ import annotations

from typing import Any

import griffe

AWAITED = ("_reads", "_writes", "_in_steps")
WITHOUT_SESSION_ID = "_without_session_id"


class WrappedMethods(griffe.Extension):
    """Replace attributes that are wrapped methods by functions with signature and docstring."""

    def on_package(self, *, pkg: griffe.Module, **_kwargs: Any) -> None:
        """Look at all classes once the package is loaded."""
        methods = pkg["repository.SessionRepository"]
        for module in (pkg["repository.view"], pkg["aio.repository"]):
            for cls in module.classes.values():
                for attribute in list(cls.attributes.values()):
                    _replace(cls, attribute, methods)


def _replace(cls: griffe.Class, attribute: griffe.Attribute, methods: griffe.Class) -> None:
    call = attribute.value
    if not isinstance(call, griffe.ExprCall):
        return
    wrapper = str(call.function)
    if wrapper not in (*AWAITED, WITHOUT_SESSION_ID):
        return
    method = methods.all_members[str(call.arguments[0]).rpartition(".")[2]]
    parameters = list(method.parameters)
    if wrapper == WITHOUT_SESSION_ID:
        del parameters[1]
    function = griffe.Function(
        attribute.name,
        lineno=attribute.lineno,
        endlineno=attribute.endlineno,
        parameters=griffe.Parameters(*parameters),
        returns=method.returns,
        docstring=method.docstring,
        runtime=True,
        analysis="static",
    )
    if wrapper in AWAITED:
        function.labels.add("async")
    cls.set_member(attribute.name, function)
