"""``snakestore program``: the commands about programs."""

from __future__ import annotations

from typing import Annotated

import typer

from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.confirmation import confirm
from snakestore.cli.console import json_line, print_json, print_json_list, print_line, print_result
from snakestore.cli.paging import Listing
from snakestore.cli.parameters import (
    After,
    AsJson,
    AsTsv,
    ExpectedVersion,
    FromFile,
    Limit,
    Metadata,
    Pattern,
    ProgramId,
    Reason,
    SessionId,
    Store,
    VersionNumber,
    Yes,
)
from snakestore.cli.records import program_record
from snakestore.cli.stores import StoreCommand, reading, writing
from snakestore.cli.tables import print_table, time_text
from snakestore.cli.values import document_of, parsed_object
from snakestore.errors import ProgramNotFoundError

app = new_app(GROUPS["program"].summary)


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
    """List the programs of a session, ordered by id."""
    with reading(store) as snapshot:
        ids = Listing(
            lambda last, size: snapshot.program_ids(session_id, pattern, after=last, limit=size),
            str,
            limit=limit,
            after=after,
            whole=as_json or as_tsv,
        )
        programs = (snapshot.get_program_record(session_id, each) for each in ids)
        if as_json:
            print_json_list(program_record(program) for program in programs)
            return
        print_table(
            ["program", "document", "version", "updated"],
            (
                [
                    program.id,
                    json_line(program.document),
                    program.version,
                    time_text(program.last_updated_at),
                ]
                for program in programs
            ),
            tsv=as_tsv,
        )
        ids.print_rest()


@app.command(cls=StoreCommand)
def get(
    store: Store,
    session_id: SessionId,
    program_id: ProgramId,
    *,
    version: Annotated[
        int | None, typer.Option(help="Of this version.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the document of a program as JSON. --json prints the whole program."""
    with reading(store) as snapshot:
        program = (
            snapshot.get_program_record(session_id, program_id)
            if version is None
            else snapshot.get_program_version(session_id, program_id, version)
        )
    if as_json:
        print_json(program_record(program))
    else:
        print_line(json_line(program.document))


@app.command(cls=StoreCommand)
def put(
    store: Store,
    session_id: SessionId,
    program_id: ProgramId,
    document: Annotated[
        str | None,
        typer.Argument(
            metavar="DOCUMENT",
            help="The program as JSON; left out with --file.",
            show_default=False,
        ),
    ] = None,
    *,
    file: FromFile = None,
    expected_version: ExpectedVersion = None,
    metadata: Metadata = None,
    as_json: AsJson = False,
) -> None:
    """Store a program, replacing one of the same id."""
    given = document_of(document, file, "DOCUMENT")
    described = parsed_object(metadata, "--metadata")
    with writing(store) as repository:
        program = repository.put_program(
            session_id, program_id, given, expected_version=expected_version, metadata=described
        )
    print_result(program_record(program), f"version {program.version}", as_json=as_json)


@app.command(cls=StoreCommand)
def history(
    store: Store,
    session_id: SessionId,
    program_id: ProgramId,
    *,
    limit: Limit = None,
    as_json: AsJson = False,
    as_tsv: AsTsv = False,
) -> None:
    """List the versions of a program: the current one, then past ones, newest first."""
    with reading(store) as snapshot:
        versions = [
            snapshot.get_program_record(session_id, program_id),
            *snapshot.program_history(session_id, program_id, limit=limit),
        ]
    if as_json:
        print_json([program_record(version) for version in versions])
        return
    print_table(
        ["version", "document", "written", "metadata"],
        [
            [
                version.version,
                json_line(version.document),
                time_text(version.last_updated_at),
                json_line(version.metadata) if version.metadata else "",
            ]
            for version in versions
        ],
        tsv=as_tsv,
    )


@app.command(cls=StoreCommand)
def rollback(
    store: Store,
    session_id: SessionId,
    program_id: ProgramId,
    version: VersionNumber,
    *,
    expected_version: ExpectedVersion = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Store the document of an earlier version as a new version."""
    with writing(store) as repository:
        program = repository.rollback_program(
            session_id, program_id, version, expected_version=expected_version, reason=reason
        )
    print_result(program_record(program), f"version {program.version}", as_json=as_json)


@app.command(cls=StoreCommand)
def delete(
    store: Store,
    session_id: SessionId,
    program_id: ProgramId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a program with its history."""
    confirm(f"Delete the program {program_id} of {session_id} with its history?", yes=yes)
    with writing(store) as repository:
        if not repository.delete_program(session_id, program_id):
            raise ProgramNotFoundError(session_id, program_id)
    print_result({"deleted": program_id}, f"deleted {program_id}", as_json=as_json)
