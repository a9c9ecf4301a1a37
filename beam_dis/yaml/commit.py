"""CommitToDIS of Beam YAML: its keys, and the inputs that it waits for."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.transforms.util import WaitOn

from beam_dis.errors import ConfigurationError
from beam_dis.read import CommitToDIS
from beam_dis.yaml.config import connection_of, transform
from beam_dis.yaml.read import POSITIONS


@transform("CommitToDIS")
def commit_to_dis(*, app: str, connection: Any = None) -> beam.PTransform[Any, pvalue.PDone]:
    """Commits the positions of a read to its app, once the records are written.

    The inputs are ``positions``, that output of ReadFromDIS with ``commit: manual``, and under any other name what must be done
    before, such as the output ``done`` of WriteToDIS.

    Args:
        app: the app of the read.
        connection: as in the read.
    """
    return _CommitFromYAML(CommitToDIS(app, connection=connection_of(connection)))


class _CommitFromYAML(beam.PTransform[Any, pvalue.PDone]):
    """A commit that waits for its other inputs."""

    def __init__(self, commit: CommitToDIS) -> None:
        super().__init__()
        self._commit = commit

    def expand(self, inputs: Any) -> pvalue.PDone:
        """Wait for all inputs but the positions, then commit."""
        if not isinstance(inputs, dict) or POSITIONS not in inputs:
            given = f"has {', '.join(inputs)}" if isinstance(inputs, dict) else "is one output"
            raise ConfigurationError(
                f"input of CommitToDIS {given}: give the positions of a read, and the write to wait for, such as"
                " input: {positions: Read.positions, written: Write.done}"
            )
        positions, *others = inputs[POSITIONS], *(pcoll for name, pcoll in inputs.items() if name != POSITIONS)
        done: pvalue.PDone = positions | "Wait" >> WaitOn(*others) | "Commit" >> self._commit
        return done
