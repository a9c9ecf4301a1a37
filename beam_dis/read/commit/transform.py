"""CommitToDIS: commits to an app what a pipeline has finished.

Rules:

1. Nothing is committed before the steps that ``WaitOn`` names have finished it. ``after_windows`` says how.
2. Only what is contiguous is committed, from the app's checkpoint or the start of the read on, whichever is later.
3. A bundle sends one request for each partition, at its end. A failure that may pass is waited out, and any other fails the bundle, so
   that the runner repeats it.
4. A partition that is gone needs no checkpoint: a warning is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints import typehints

from beam_dis.connection import Connection, checked_connection, connection_of_pipeline
from beam_dis.display import display_items
from beam_dis.errors import ConfigurationError
from beam_dis.names import checked_app
from beam_dis.options import DISOptions
from beam_dis.read import state
from beam_dis.read.commit.after_windows import key_of, wait_in_windows
from beam_dis.read.commit.commit_positions import CommitPositionsFn
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.values import ReadPositions

_log = logging.getLogger(__name__)


class CommitToDIS(beam.PTransform[pvalue.PCollection[Any], pvalue.PDone]):
    """Commits the positions of a read to its app, once the records are written.

    ``read.positions | beam.WaitOn(written.done) | CommitToDIS("app")`` follows ``ReadFromDIS(…, app="app", commit="manual")``.
    The next run of the app begins at the first record that isn't written.

    Args:
        app: the app of the read.
        connection: endpoint, region, project, credentials, as in the read. What is left out comes from the pipeline's options
            and the environment.

    Raises:
        ConfigurationError: the input has no positions, or those of another app, or waits for session windows.
    """

    _registry: Callable[[], Registry] = staticmethod(this_process)

    def __init__(self, app: str, *, connection: Connection | None = None) -> None:
        super().__init__()
        self._app = checked_app("app", app)
        checked_connection(connection).check_has(app=app)
        self._connection = connection

    def display_data(self) -> dict[str, Any]:
        """The arguments; nothing secret."""
        return display_items(self._connection, app=self._app)

    def expand(self, positions: pvalue.PCollection[Any]) -> pvalue.PDone:
        """Wait for the windows, then commit by partition."""
        state.register()
        self._check_input(positions)
        connection = connection_of_pipeline(self._connection, positions.pipeline.options.view_as(DISOptions))
        finished = wait_in_windows(positions)
        if finished is None:
            _log.warning(
                "CommitToDIS(%r) waits for nothing, so it commits what may not be written yet. Put beam.WaitOn(written.done)"
                " before it",
                self._app,
            )
        _ = (
            (finished or positions)
            | "NoWindows" >> beam.WindowInto(GlobalWindows())
            | "Key" >> beam.Map(lambda p: (key_of(p), p)).with_output_types(tuple[str, ReadPositions])
            | "Commit" >> beam.ParDo(CommitPositionsFn(connection, self._app, registry=self._registry))
        )
        return pvalue.PDone(positions.pipeline)

    def _check_input(self, positions: Any) -> None:
        element_type = getattr(positions, "element_type", None)
        if not isinstance(positions, pvalue.PCollection) or not (
            element_type is None or typehints.is_consistent_with(element_type, ReadPositions)
        ):
            raise ConfigurationError(
                f"CommitToDIS takes the positions of a read, not {positions}: write read.positions |"
                ' beam.WaitOn(written.done) | CommitToDIS(app), after read = p | ReadFromDIS(…, app=…, commit="manual")'
            )
