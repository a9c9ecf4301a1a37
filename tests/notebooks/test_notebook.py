"""Notebooks: that of the docs runs in a kernel, and an endless read is refused in one."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from running_pipelines import values_in

from beam_dis import DISClient, PutRecord

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def executed():
    """The notebook of the docs, with the outputs of its cells."""
    return execute(nbformat.read(DOCS / "notebook.ipynb", as_version=4))


def execute(notebook):
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(DOCS.parent)}}).execute()
    return notebook


def outputs_of(notebook, start):
    """The texts and the HTML that the cell which contains ``start`` has put out."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and start in cell.source]
    data = [output.get("data", {}) for output in cell.outputs]
    return "\n".join(item.get(kind, "") for item in data for kind in ("text/plain", "text/html"))


def test_the_notebook_of_the_docs_has_no_outputs_and_is_valid():
    notebook = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.integration
def test_a_bounded_read_is_collected_as_a_data_frame(executed):
    rows = re.findall(r"^\d +(\w+) +(\S+)$", outputs_of(executed, "ib.collect(flights)"), re.MULTILINE)
    assert rows == [("UA", "75.0"), ("AA", "NaN"), ("UA", "5.0"), ("DL", "61.0")]


@pytest.mark.integration
def test_a_bounded_read_is_shown(executed):
    shown = outputs_of(executed, "ib.show(late)")
    assert [value in shown for value in ("DL", "61", "AA")] == [True, True, False]


@pytest.mark.integration
def test_a_read_with_a_limit_is_collected(executed):
    rows = re.findall(r"^\d +(\w+) +\S+$", outputs_of(executed, "ib.collect(first)"), re.MULTILINE)
    assert rows == ["UA", "AA"]


@pytest.mark.integration
def test_an_endless_read_in_a_kernel_is_refused_with_what_to_do():
    """Nothing is connected to, so the endpoint has no server."""
    source = """
import apache_beam as beam
from beam_dis import DISConnection, ReadFromDIS
for runner in ("DirectRunner", "apache_beam.runners.interactive.interactive_runner.InteractiveRunner"):
    try:
        beam.Pipeline(runner) | ReadFromDIS("s", connection=DISConnection(endpoint="http://127.0.0.1:9"))
    except ValueError as error:
        print(error)
"""
    notebook = execute(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]))
    printed = "".join(output.text for output in notebook.cells[0].outputs if output.get("name") == "stdout")
    assert re.findall(r"in IPython on (\w+) never returns: give the read an end", printed) == [
        "DirectRunner",
        "InteractiveRunner",
    ]


ENDLESS = """
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from beam_dis import DISConnection, ReadFromDIS, WriteToDIS
connection = DISConnection(endpoint={endpoint!r}, project_id={project!r})
options = PipelineOptions(["--runner=PrismRunner", "--streaming", "--prism_location={prism}"])
pipeline = beam.Pipeline(options=options)
pipeline | ReadFromDIS({source!r}, decode="bytes", connection=connection) | WriteToDIS({target!r}, connection=connection)
result = pipeline.run()
"""


@pytest.mark.integration
@pytest.mark.prism
def test_an_endless_read_in_a_kernel_runs_on_prism(local_dis, make_stream, prism_location):
    source, target = make_stream(), make_stream()
    where = {"endpoint": local_dis.endpoint, "project": local_dis.project_id, "prism": prism_location}
    run = nbformat.v4.new_code_cell(ENDLESS.format(source=source, target=target, **where))
    wait = nbformat.v4.new_code_cell(WAIT.format(target=target))
    with DISClient(local_dis.connection) as client:
        client.put_records(source, [PutRecord(b"1"), PutRecord(b"2")])
        execute(nbformat.v4.new_notebook(cells=[run, wait, nbformat.v4.new_code_cell("result.cancel()")]))
        assert sorted(values_in(client, target)) == [1, 2]


WAIT = """
import time
from beam_dis import DISClient
until = time.monotonic() + 60
with DISClient(connection) as client:
    cursor = client.get_cursor({target!r}, partition_id=0, cursor_type="TRIM_HORIZON")
    while len(client.get_records(cursor).records) < 2 and time.monotonic() < until:
        time.sleep(0.2)
"""
