"""The outputs of a transform that returns several PCollections.

Rules:

1. Used like a PCollection, the tuple of outputs raises an error that names its fields. Beam's own error would name an attribute
   that a tuple lacks.
2. An output's type is set on the output and not on its step, because with ``--runtime_type_check`` Beam checks every output of a
   step by the type of the main one.
3. With ``--performance_runtime_type_check`` Beam also checks every output of a step by what the steps after any of its outputs
   take. Then each output passes through a step of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.options.pipeline_options import TypeOptions
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type

from beam_dis.errors import ConfigurationError

T = TypeVar("T")


def outputs_of(transform: str, **optional: str) -> Callable[[type[T]], type[T]]:
    """Make a NamedTuple of PCollections refuse to be used as one PCollection.

    Args:
        transform: the name of the transform that returns it.
        **optional: for a field that may be None, the argument that asks for it.
    """

    def complete(outputs: Any) -> Any:
        always = [f"`.{field}`" for field in outputs._fields if field not in optional]
        *fields, last = [*(f"`.{field}` (with {argument})" for field, argument in optional.items()), *always]
        message = f"the result of {transform} is not a PCollection: take {', '.join(fields)} or {last}"

        def refuse_transform(_self: object, _transform: object) -> NoReturn:
            raise ConfigurationError(message)

        def refuse_attribute(_self: object, name: str) -> NoReturn:
            raise AttributeError(f"{outputs.__name__} has no attribute {name!r}; {message}")

        outputs.__or__ = refuse_transform
        outputs.__getattr__ = refuse_attribute
        return outputs

    return complete


def typed_output(outputs: pvalue.DoOutputsTuple, tag: str, element_type: Any) -> pvalue.PCollection[Any]:
    """One output of a step, with the type of its elements. The step itself is declared without one."""
    output: pvalue.PCollection[Any] = outputs[tag]
    output.element_type = convert_to_beam_type(element_type)
    if output.pipeline.options.view_as(TypeOptions).performance_runtime_type_check:
        output |= f"Check {tag}" >> beam.Map(_identity).with_output_types(element_type)
    return output


def _identity(element: Any) -> Any:
    return element
