"""Finalizers for bundles that have nothing to commit.

Prism finalises every bundle of a stage with a step that has finalizers, also the bundles that only prepare such a step. Beam's worker
logs an error with a stack for each bundle without a finalizer. So on Prism every bundle gets one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import apache_beam as beam

T = TypeVar("T")


def finalize_nothing() -> None:
    """Do nothing: a finalizer for a bundle that has nothing to commit."""


def with_finalizer(element: T, finalizer: Any = beam.DoFn.BundleFinalizerParam) -> T:
    """Pass a partition or a stream on, with a finalizer for the bundle in which Prism prepares the step that reads it."""
    finalizer.register(finalize_nothing)
    return element
