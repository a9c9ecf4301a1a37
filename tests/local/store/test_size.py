"""What a start and a put cost doesn't depend on how many records and streams there are: counted in statements."""

import sqlite3

import pytest

from beam_dis.local.store import database
from beam_dis.local.store.catalogue import Catalogue
from beam_dis.local.store.usage import UsageMeter
from beam_dis.local.store.writer_connection import WriterConnection


@pytest.fixture
def executed(monkeypatch):
    """The statements of connections that are opened from now on."""
    statements: list[str] = []
    plain = sqlite3.connect

    def connect(*arguments, **options):
        connection = plain(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(database.sqlite3, "connect", connect)
    return statements


@pytest.mark.parametrize("puts", [1, 30])
def test_a_start_reads_neither_batches_nor_their_index(opened, executed, puts):
    stream = opened.stream()
    for _ in range(puts):
        opened.put(stream, b"x")
    opened.store.close()
    executed.clear()
    opened.open()
    read = [statement for statement in executed if statement.startswith("SELECT")]
    assert any("FROM partition" in statement for statement in read)
    assert [statement for statement in read if "batch" in statement] == []


def statements_of_a_put(opened, executed: list[str], streams: int) -> list[str]:
    """The kinds of the statements of a put to one of so many streams."""
    made = [opened.stream(name=f"s{number}") for number in range(streams)]
    for stream in made:
        opened.put(stream, b"x")
    opened.store.close()
    connection = WriterConnection(opened.folder / "log.db", Catalogue(), opened.clock, UsageMeter())
    executed.clear()
    connection.run(lambda transaction: transaction.records.append(made[0].stream_id, [0], [None], [b"y"]))
    found = [statement.partition("VALUES")[0] for statement in executed]
    connection.close()
    opened.open()
    return found


def test_a_put_executes_as_many_statements_among_many_streams_as_alone(opened, executed, tmp_path):
    alone = statements_of_a_put(opened, executed, 1)
    opened.store.close()
    opened.folder = tmp_path / "many"
    opened.open()
    assert statements_of_a_put(opened, executed, 40) == alone
    assert sum(statement.startswith("INSERT") for statement in alone) == 3
