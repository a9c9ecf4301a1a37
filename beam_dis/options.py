"""The connector's pipeline options.

Law: names and help texts only; what they mean is written in ``beam_dis.connection``. Secrets are no options: runners
print and store options.
"""

from __future__ import annotations

from argparse import ArgumentParser

from apache_beam.options.pipeline_options import PipelineOptions


class DISOptions(PipelineOptions):
    """Where DIS is, from the command line of a pipeline; ``options.view_as(DISOptions).dis_endpoint``."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dis_endpoint", help="URL of DIS, such as http://127.0.0.1:7700; else it follows from the region"
        )
        parser.add_argument("--dis_region", help="region of DIS, such as eu-de or cn-north-4")
        parser.add_argument("--dis_project_id", help="id of the project that owns the streams")
