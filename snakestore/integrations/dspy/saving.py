"""Modules as programs: ``save_module`` and ``load_module``."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import dspy

from snakestore.integrations.dspy.capture import module_document, shape_of
from snakestore.integrations.dspy.document import SavedModule, installed_versions
from snakestore.integrations.dspy.drift import compare
from snakestore.integrations.dspy.errors import ProgramDriftError, ProgramDriftWarning
from snakestore.integrations.dspy.restore import Loading
from snakestore.integrations.dspy.secrets import refuse_secrets, without_secrets
from snakestore.integrations.dspy.tree import parameters_of
from snakestore.integrations.opening import Handle, Store
from snakestore.program import Program


def save_module(
    repo: Store,
    sid: str,
    program_id: str,
    module: dspy.Module,
    *,
    metadata: dict[str, Any] | None = None,
    omit_secrets: bool = False,
) -> Program:
    """Store the state of a module as a program; the module is not changed.

    The program's ``document["state"]`` is what ``module.save("x.json")`` writes, without LMs.
    Beside it are the configs of the predictors, their fields, the values of demos that are not
    JSON, which modules are compiled, the state of compiled sub-modules, and the versions of DSPy
    and Python.

    Args:
        repo: a repository, or a path or URL, which is opened and closed.
        sid: the session.
        program_id: the program. Saving the same state again adds no version.
        module: any ``dspy.Module``.
        metadata: a JSON object for the program.
        omit_secrets: leave the state of LMs, keys and headers out, where they would be refused.

    Raises:
        SecretRefusedError: if a predictor has an LM, or a config has keys or headers. ``.path``
            says where.
        ValidationError: if a value has no form in JSON. ``.path`` says where.
    """
    document = module_document(module, omit_secrets=omit_secrets)
    if omit_secrets:
        metadata = without_secrets(metadata, settings=False)
    refuse_secrets(metadata, "$.metadata", settings=False)
    with contextlib.closing(Handle(repo)) as handle:
        return handle.repository.put_program(sid, program_id, document, metadata=metadata)


def load_module(
    repo: Store,
    sid: str,
    program_id: str,
    module: dspy.Module,
    *,
    version: int | None = None,
    strict: bool = True,
) -> ProgramDriftWarning | None:
    """Load the state that ``save_module`` stored into a module of the same shape.

    The modules are compared first. The state is applied to copies of the predictors, and then to
    the module itself, so a refusal leaves it unchanged. LMs stay as they are.

    Args:
        repo: a repository, or a path or URL, which is opened and closed.
        sid: the session.
        program_id: the program.
        module: the module to load into.
        version: a version of the program; None: the current one.
        strict: False: load what fits, and warn.

    Returns:
        The warning that was given, or None: a ``ProgramDriftWarning`` for what differs with
        ``strict=False``, or for another minor version of DSPy or Python.

    Raises:
        ProgramDriftError: if the modules differ in predictors or in names, order or types of
            fields.
        ValidationError: if ``save_module`` did not store the program.
    """
    with contextlib.closing(Handle(repo)) as handle:
        if version is None:
            document = handle.repository.get_program_record(sid, program_id).document
        else:
            document = handle.repository.get_program_version(sid, program_id, version).document
    saved = SavedModule.read(program_id, document)
    drift = compare(
        saved.parameters,
        {path: shape_of(parameter) for path, parameter in parameters_of(module).items()},
        (saved.versions, installed_versions()),
    )
    if drift and strict:
        raise ProgramDriftError(program_id, drift)
    loading = Loading(saved, module, drift)
    warning = ProgramDriftWarning(program_id, drift) if drift or drift.versions else None
    if warning is not None:
        warnings.warn(warning, stacklevel=2)
    loading.swap()
    return warning
