"""Beam YAML: the transforms ReadFromDIS, WriteToDIS and CommitToDIS, as functions that a provider in a YAML file names.

Rules:

1. The keys are those of Beam's own sources and sinks where these have the same: format, schema, error_handling. The others are the
   arguments of the Python transforms.
2. A wrong key or value raises ConfigurationError, which names the key and says what to do.
3. No key takes a secret: a file is stored and shared, and Beam puts its text into the job.
"""

from __future__ import annotations

from pathlib import Path

from beam_dis.yaml.commit import commit_to_dis
from beam_dis.yaml.read import read_from_dis
from beam_dis.yaml.write import write_to_dis

__all__ = ["PROVIDERS", "commit_to_dis", "read_from_dis", "write_to_dis"]

PROVIDERS = str(Path(__file__).with_name("providers.yaml"))
"""The path of the list of providers, for ``include`` in a YAML file and for Beam's ``load_providers``."""
