"""The pages of the API: one for each public name, from its docstring.

A name in the first table of docs/index.md is in ``beam_dis``. The second table names modules, whose public names are in their
``__all__``, or are the classes that they define.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import apache_beam as beam

OF_BEAM = "display_data, expand, get_type_hints, page_reader, to_runner_api_parameter"
"""Methods that Beam and our transforms call, and users don't."""

NAME = re.compile(r"^\| `(\w+)` \| (.+?) \|$", re.MULTILINE)
MODULE = re.compile(r"^\| `(beam_dis\.\w+)\.(\w+|\*)` \|", re.MULTILINE)


def names_in(module: ModuleType) -> list[str]:
    """The public names of a module."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    return [
        name for name, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module.__name__
    ]


def public_names(index: str) -> dict[str, list[str]]:
    """Each module with public names, and these, in the order of the index."""
    names = {"beam_dis": [name for name, _ in NAME.findall(index.partition("## Public names")[2])]}
    for module, name in MODULE.findall(index):
        found = names_in(import_module(module)) if name == "*" else [name]
        names[module] = [name for name in found if name not in names["beam_dis"]]
    return names


def directive_of(module: str, name: str) -> str:
    """The directive of autodoc that documents a name."""
    value = getattr(import_module(module), name)
    if inspect.isclass(value):
        return class_directive(f"{module}.{name}", value)
    if callable(value):
        return f".. autofunction:: {module}.{name}\n"
    return f".. autodata:: {module}.{name}\n"


def class_directive(name: str, value: type) -> str:
    """The directive for a class, with what it inherits from classes of ours."""
    foreign = next(base.__name__ for base in value.__mro__ if not base.__module__.startswith("beam_dis"))
    options = f"   :members:\n   :inherited-members: {foreign}\n   :exclude-members: {OF_BEAM}\n"
    if issubclass(value, BaseException):
        return f".. autoexception:: {name}\n{options}   :show-inheritance:\n"
    signature = plain_signature(value) if issubclass(value, beam.PTransform) else ""
    return f".. autoclass:: {name}{signature}\n{options}"


def plain_signature(transform: type[beam.PTransform]) -> str:
    """All options of a transform with their defaults; its overloads, which are for type checkers, would hide them."""
    signature = inspect.signature(transform)
    empty = inspect.Parameter.empty
    plain = [
        parameter.replace(annotation=empty)
        for parameter in signature.parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    return str(signature.replace(parameters=plain, return_annotation=empty))


def page_of(module: str, name: str) -> str:
    """The page of a name, as reStructuredText."""
    return f"{name}\n{'=' * len(name)}\n\n``from {module} import {name}``\n\n{directive_of(module, name)}"


def write_api_pages(index: str, to: Path) -> None:
    """Write a page for each public name, and one that lists them."""
    to.mkdir()
    lists = []
    for module, names in public_names(index).items():
        for name in names:
            (to / f"{module}.{name}.rst").write_text(page_of(module, name), encoding="utf-8")
        entries = "\n".join(f"   {name} <{module}.{name}>" for name in names)
        lists.append(f"{module}\n{'-' * len(module)}\n\n.. toctree::\n   :maxdepth: 1\n\n{entries}\n")
    about = "A page for each public name. Anything that isn't named here may change in any version.\n"
    (to / "index.rst").write_text("\n".join(["API", "===", "", about, *lists]), encoding="utf-8")
