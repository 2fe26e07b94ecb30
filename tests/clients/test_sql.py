"""The files of tests/sql: statements and what they give, in the format of sqllogictest, over the wire."""

import pathlib
import re

import psycopg
import pytest
from psycopg.pq import ExecStatus

from server import Lab, Server

FILES = sorted((pathlib.Path(__file__).parent.parent / "sql").glob("*.slt"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("sql") / "data").start()
    yield Lab(server).prepare()
    assert server.stop() == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_statements_give_what_their_file_says(warehouse, file):
    with warehouse.connect() as connection:
        wrong = [message for record in records(file) if (message := run(connection.pgconn, *record))]
    assert not wrong, "\n" + "\n\n".join(wrong)


def records(file: pathlib.Path):
    """Kind, statement and expected lines of each record, and its line number."""
    number = 1
    for block in re.split(r"\n(?:[ \t]*\n)+", file.read_text()):
        lines = block.splitlines()
        start = next((at for at, line in enumerate(lines) if line and not line.startswith("#")), None)
        if start is not None:
            sql, _, expected = "\n".join(lines[start + 1 :]).partition("\n----")
            yield f"{file.name}:{number + start}", lines[start], sql, expected.splitlines()[1:]
        number += block.count("\n") + 2
    assert number > 1


def run(connection, place: str, kind: str, sql: str, expected: list[str]) -> str | None:
    """What is wrong with the answer; none if it is as expected."""
    result = connection.exec_(sql.encode())
    error = None
    if result.status == ExecStatus.FATAL_ERROR:
        state, message, detail = (
            (result.error_field(field) or b"").decode()
            for field in (psycopg.pq.DiagnosticField.SQLSTATE, psycopg.pq.DiagnosticField.MESSAGE_PRIMARY,
                          psycopg.pq.DiagnosticField.MESSAGE_DETAIL)
        )
        error = f"{state} {message} {detail}".strip()
    if kind.startswith("statement error"):
        wanted = kind.removeprefix("statement error").strip()
        is_right = error is not None and re.search(wanted, error)
        got = error or "no error"
    elif error is not None:
        is_right, wanted, got = False, "\n".join(expected), error
    else:
        rows = [
            " ".join(shown(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]
        got, wanted = "\n".join(row.rstrip() for row in rows), "\n".join(line.rstrip() for line in expected)
        is_right = kind.startswith("statement ok") or got == wanted
    return None if is_right else f"{place}: {sql}\n  expected: {wanted}\n  got:      {got}"


def shown(value: bytes | None) -> str:
    if value is None:
        return "NULL"
    return value.decode() or "(empty)"
