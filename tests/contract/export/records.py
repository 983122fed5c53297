"""Records of an export, as the tests compare and alter them."""

from __future__ import annotations

import json

from snakestore.repository.records.format import Checksums, canonical


def exported(repo, *args, **options):
    """The records, as they are written and read as JSON lines."""
    return [json.loads(json.dumps(record)) for record in repo.export_sessions(*args, **options)]


def lines_of(records, kind):
    return [number for number, record in enumerate(records, start=1) if record["kind"] == kind]


def resealed(records):
    """The records with the checksums that they should have."""
    checksums = Checksums()
    sealed = []
    for record in records:
        content = {key: value for key, value in record.items() if key != "checksum"}
        sealed.append({**content, "checksum": checksums.next(canonical(content))})
    return sealed


def content(repo, sid):
    return repr(
        [
            repo.list_variables(sid),
            [repo.variable_history(sid, name) for name in repo.variable_names(sid)],
            [repo.get_program_record(sid, pid) for pid in repo.program_ids(sid)],
            [repo.program_history(sid, pid) for pid in repo.program_ids(sid)],
            [(log, repo.read_log(sid, log)) for log in repo.list_logs(sid)],
            repo.get_stats(sid),
        ]
    )
