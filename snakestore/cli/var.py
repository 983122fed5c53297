"""``snakestore var``: the commands about variables."""

from __future__ import annotations

from typing import Annotated

import typer

import snakestore
from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.confirmation import confirm
from snakestore.cli.console import (
    json_line,
    print_json,
    print_json_list,
    print_line,
    print_raw,
    print_result,
)
from snakestore.cli.locks import claim, lock, unlock
from snakestore.cli.paging import Listing
from snakestore.cli.parameters import (
    After,
    AsJson,
    AsTsv,
    ExpectedVersion,
    FromFile,
    Identifier,
    Limit,
    Metadata,
    Optimizer,
    Pattern,
    SessionId,
    Store,
    Yes,
)
from snakestore.cli.stores import StoreCommand, reading, writing
from snakestore.cli.tables import print_table
from snakestore.cli.values import checked_object, document_of, one_of, parsed_object, value_reader
from snakestore.cli.variables import (
    VARIABLE_COLUMNS,
    print_version,
    shown_value,
    variable_or_reason,
    variable_record,
    variable_row,
)
from snakestore.cli.versions import history, rollback
from snakestore.errors import VariableNotFoundError

app = new_app(GROUPS["var"].summary)
VALUES_ARE_NO_OPTIONS = {"ignore_unknown_options": True}  # VALUE may be -5

Value = Annotated[
    str | None,
    typer.Argument(
        metavar="VALUE",
        help="The value as JSON, left out with --file. Text needs quotes: '\"fast\"'.",
        show_default=False,
    ),
]


@app.command(name="list", cls=StoreCommand)
def list_(
    store: Store,
    session_id: SessionId,
    pattern: Pattern = None,
    *,
    limit: Limit = None,
    after: After = None,
    as_json: AsJson = False,
    as_tsv: AsTsv = False,
) -> None:
    """List the variables of a session, ordered by name."""
    with reading(store) as snapshot:
        names = Listing(
            lambda last, size: snapshot.variable_names(session_id, pattern, after=last, limit=size),
            str,
            limit=limit,
            after=after,
            whole=as_json or as_tsv,
        )
        variables = ((name, variable_or_reason(snapshot, session_id, name)) for name in names)
        if as_json:
            print_json_list(variable_record(name, variable) for name, variable in variables)
            return
        rows = (variable_row(name, variable) for name, variable in variables)
        print_table(VARIABLE_COLUMNS, rows, tsv=as_tsv)
        names.print_rest()


@app.command(cls=StoreCommand)
def get(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    *,
    version: Annotated[
        int | None, typer.Option(help="Of this version.", show_default=False)
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print text without quotes, and bytes as they are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the value of a variable as JSON. --json prints the whole variable."""
    with reading(store) as snapshot:
        variable = (
            snapshot.get_variable(session_id, identifier)
            if version is None
            else snapshot.get_variable_version(session_id, identifier, version)
        )
    if as_json:
        print_json(variable.to_dict())
    elif raw and isinstance(variable.value, str | bytes):
        print_raw(variable.value)
    else:
        print_line(json_line(shown_value(variable)))


@app.command(name="set", cls=StoreCommand, context_settings=VALUES_ARE_NO_OPTIONS)
def set_(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    value: Value = None,
    *,
    file: FromFile = None,
    expected_version: ExpectedVersion = None,
    metadata: Metadata = None,
    optimizer: Optimizer = None,
    as_json: AsJson = False,
) -> None:
    """Update a variable. The value is checked against its type and constraints.

    A value of the type bytes is base64 text, or the content of --file as it is. For the type
    string, --file is text; for all others it is JSON.
    """
    one_of(value, file, "VALUE")
    read = value_reader(value, file)
    described = parsed_object(metadata, "--metadata")
    with writing(store) as repository, repository.transaction() as transaction:
        known = transaction.get_variable(session_id, identifier)
        variable = transaction.update_variable(
            session_id,
            identifier,
            read(known.type),
            expected_version=expected_version,
            metadata=described,
            source="cli",
            optimizer_id=optimizer,
        )
    print_version(variable, as_json=as_json)


@app.command(cls=StoreCommand, context_settings=VALUES_ARE_NO_OPTIONS)
def register(
    store: Store,
    session_id: SessionId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name.", show_default=False)],
    type_name: Annotated[
        str,
        typer.Argument(metavar="TYPE", help="The type: float, string, ...", show_default=False),
    ],
    value: Value = None,
    *,
    file: FromFile = None,
    variable_id: Annotated[
        str | None,
        typer.Option("--id", help="The id; by default a new unique one.", show_default=False),
    ] = None,
    constraints: Annotated[
        str | None,
        typer.Option("--constraints", metavar="JSON", help="A JSON object.", show_default=False),
    ] = None,
    metadata: Metadata = None,
    description: Annotated[
        str | None, typer.Option(help="What the variable is for.", show_default=False)
    ] = None,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Leave the variable that there is, if there is one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a variable. --file is read as for the command set."""
    one_of(value, file, "VALUE")
    read = value_reader(value, file)
    limits = parsed_object(constraints, "--constraints")
    described = parsed_object(metadata, "--metadata")
    with writing(store) as repository:
        variable = repository.register_variable(
            session_id,
            name,
            type_name,
            read(type_name),
            id=variable_id,
            constraints=limits,
            metadata=described,
            description=description,
            exist_ok=exist_ok,
        )
    print_version(variable, as_json=as_json)


@app.command(cls=StoreCommand)
def put(
    store: Store,
    session_id: SessionId,
    document: Annotated[
        str | None,
        typer.Argument(
            metavar="VARIABLE",
            help="The whole variable as JSON; left out with --file.",
            show_default=False,
        ),
    ] = None,
    *,
    file: FromFile = None,
    expected_version: ExpectedVersion = None,
    optimizer: Optimizer = None,
    as_json: AsJson = False,
) -> None:
    """Insert a variable, or replace the one with its id. VARIABLE is what 'var get --json' prints.

    A version that is greater than the stored one is kept. Otherwise the stored one rises by one if
    the value is another. The optimisation stays as it is.
    """
    fields = checked_object(document_of(document, file, "VARIABLE"), "VARIABLE")
    given = snakestore.Variable.from_dict(fields)
    with writing(store) as repository:
        stored = repository.put_variable(
            session_id, given, expected_version=expected_version, optimizer_id=optimizer
        )
    print_version(stored, as_json=as_json)


@app.command(cls=StoreCommand)
def constrain(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    constraints: Annotated[
        str, typer.Argument(metavar="JSON", help="A JSON object.", show_default=False)
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Replace the constraints of a variable, if its value satisfies them."""
    limits = parsed_object(constraints, "JSON")
    with writing(store) as repository:
        variable = repository.update_constraints(session_id, identifier, limits)
    print_result(variable.to_dict(), json_line(variable.constraints), as_json=as_json)


for each in (history, rollback, lock, claim, unlock):
    app.command(cls=StoreCommand)(each)


@app.command(cls=StoreCommand)
def delete(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    *,
    optimizer: Optimizer = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a variable with its history."""
    confirm(f"Delete the variable {identifier} of {session_id} with its history?", yes=yes)
    with writing(store) as repository:
        if not repository.delete_variable(session_id, identifier, optimizer_id=optimizer):
            raise VariableNotFoundError(session_id, identifier)
    print_result({"deleted": identifier}, f"deleted {identifier}", as_json=as_json)
