"""Finalizers for bundles that have nothing to commit.

Prism finalises every bundle of a stage with a step that has finalizers, also the bundles that only prepare such a step. Beam's worker
logs an error with a stack for each bundle without a finalizer. So on Prism every bundle gets one.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from beam_dis.read.values import StreamPartition


def finalize_nothing() -> None:
    """Do nothing: a finalizer for a bundle that has nothing to commit."""


def with_finalizer(partition: StreamPartition, finalizer: Any = beam.DoFn.BundleFinalizerParam) -> StreamPartition:
    """Pass a partition on, with a finalizer for the bundle in which Prism prepares ReadPartition."""
    finalizer.register(finalize_nothing)
    return partition
