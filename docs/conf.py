"""How Sphinx makes the site; `build.py` calls it."""

from __future__ import annotations

import smtplogs

project = "smtplogs"
author = copyright = "the smtplogs developers"  # noqa: A001 - Sphinx's name
version = release = smtplogs.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "smtplogs"
html_copy_source = False
exclude_patterns = ["_build"]

default_role = "code"  # numpydoc's single backticks name parameters and columns
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]
html_static_path = ["_static"]
html_css_files = ["frames.css"]
