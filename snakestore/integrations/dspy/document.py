"""The document that a module is stored as."""

from __future__ import annotations

import platform
from typing import Any, Literal

import dspy
import pydantic
from pydantic import BaseModel, ConfigDict, Field

from snakestore.errors import ValidationError, shorten


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SavedField(_Part):
    """A field of a signature."""

    name: str
    kind: Literal["input", "output"]
    type: str


class SavedDemo(_Part):
    """What a demo was, beside its values in the state.

    Attributes:
        example: whether it was a ``dspy.Example``, and not a dict.
        inputs: the input keys of the Example, if they were set.
        typed: the fields whose values were not JSON: name -> None if the signature's type restores
            the value from the state, or else [the JSON from which it does].
    """

    example: bool
    inputs: list[str] | None = None
    typed: dict[str, list[Any] | None] = Field(default_factory=dict)


class SavedParameter(_Part):
    """What DSPy's own state of a predictor leaves out."""

    class_name: str
    config: dict[str, Any] = Field(default_factory=dict)
    fields: list[SavedField] = Field(default_factory=list)
    demos: list[SavedDemo] = Field(default_factory=list)

    def describes(self, state: dict[str, Any]) -> bool:
        """Whether a state has the fields and demos that are described here."""
        demos = state.get("demos", [])
        signature = state.get("signature", {"fields": []})
        return (
            isinstance(demos, list)
            and all(isinstance(demo, dict) for demo in demos)
            and len(demos) == len(self.demos)
            and isinstance(signature, dict)
            and isinstance(signature.get("fields"), list)
            and ("signature" not in state or len(signature["fields"]) == len(self.fields))
        )


class SavedModule(_Part):
    """A stored module.

    Attributes:
        format: 1.
        versions: of Python and DSPy.
        state: path -> the state, as ``dspy.Module.save`` writes it to a JSON file, without LMs.
        parameters: path -> what this state leaves out.
        compiled: the paths of the modules that are compiled.
    """

    format: Literal[1] = 1
    versions: dict[str, str]
    state: dict[str, dict[str, Any]]
    parameters: dict[str, SavedParameter]
    compiled: list[str]

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return self.model_dump(exclude_defaults=True) | {"format": self.format}

    @classmethod
    def read(cls, program_id: str, document: Any) -> SavedModule:
        """The stored module of a document.

        Raises:
            ValidationError: if ``save_module`` did not write the document.
        """
        try:
            saved = cls.model_validate(document)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"])) or "the top"
            message = (
                f"Program {shorten(program_id)} is not a module that save_module() of this version"
                f" stored: {first['msg']} at {where}."
            )
            raise ValidationError(message, value=document) from None
        for path, state in saved.state.items():
            if path not in saved.parameters or not saved.parameters[path].describes(state):
                message = f"Program {shorten(program_id)} is damaged at state.{path}."
                raise ValidationError(message, value=state, path=f"$.state.{path}")
        return saved


def installed_versions() -> dict[str, str]:
    """The versions of Python and DSPy."""
    return {"python": platform.python_version(), "dspy": dspy.__version__}
