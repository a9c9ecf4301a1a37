"""Configuration of the site for Sphinx. ``make docs`` builds it, with docs/site/build.py."""

from __future__ import annotations

import sys
from pathlib import Path

from beam_dis import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for our extension

project = "beam_dis"
author = "The beam_dis authors"
copyright = author  # noqa: A001  Sphinx chose the name
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.intersphinx", "name_links"]
html_theme = "furo"
html_title = "beam_dis"
html_copy_source = False  # build.py puts the Markdown of a page beside it
html_show_copyright = False

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_use_ivar = True
autodoc_preserve_defaults = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 88

# Beam and Python publish their inventories on the web, but the build needs no network: these name the types that we use.
intersphinx_mapping = {
    "apache_beam": (
        "https://beam.apache.org/releases/pydoc/current/",
        str(HERE / "inventories" / "apache_beam.inv"),
    ),
    "python": ("https://docs.python.org/3/", str(HERE / "inventories" / "python.inv")),
}
nitpicky = True
nitpick_ignore_regex = [
    (
        r"py:class",
        r"API|AvroSchema|Connection|DoFn|ErrorHandler|FieldOrFunction|Limits|Transport",
    ),  # names that only a type checker sees
    (r"py:(class|obj)", r"beam_dis\..*\.\w*T"),  # type variables
    (
        r"py:(class|obj)",
        r"beam_dis\.(client|coders|connection|formats|read|v3io|wire|write)\..*",
    ),  # types that are not public
]
