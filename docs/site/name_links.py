"""An extension of Sphinx: a public name in the text of a page leads to its page of the API."""

from __future__ import annotations

from types import UnionType
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

import beam_dis

NAMES = frozenset(beam_dis.__all__) - {"__version__"}


def is_inside(node: nodes.Element | None, kinds: UnionType) -> bool:
    """Whether a node is, or is somewhere in, a node of one of these kinds."""
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node is not None


def link_names(app: Sphinx, page: nodes.document, docname: str) -> None:
    """Link each public name in code style, except in headings and in links."""
    if docname.startswith("api/"):
        return
    for literal in list(page.findall(nodes.literal)):
        name = literal.astext()
        if name not in NAMES or is_inside(literal, nodes.reference | nodes.title):
            continue
        address = app.builder.get_relative_uri(docname, f"api/beam_dis.{name}")
        link = nodes.reference("", "", internal=True, refuri=address)
        literal.replace_self(link)
        link += literal


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
