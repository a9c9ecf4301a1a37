"""The connector's pipeline options.

Rules:
1. Names and help texts only; ``beam_dis.connection`` says what they mean.
2. No secrets: runners print and store options.
"""

from __future__ import annotations

from argparse import ArgumentParser

from apache_beam.options.pipeline_options import PipelineOptions


class DISOptions(PipelineOptions):
    """Where DIS is, from the command line of a pipeline: ``options.view_as(DISOptions).dis_endpoint``."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dis_endpoint", help="URL of DIS, such as http://127.0.0.1:7700; by default that of the region"
        )
        parser.add_argument("--dis_region", help="region of DIS, such as eu-de or cn-north-4")
        parser.add_argument("--dis_project_id", help="id of the project that owns the streams")
