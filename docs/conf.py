"""How the site is built: `python -m sphinx -W -b html docs docs/_build`."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import skaug  # noqa: E402

project = "skaug"
author = "The skaug developers"
copyright = "the skaug developers"
version = release = skaug.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "mathml",
    "page_outputs",
    "llms",
]
exclude_patterns = [
    "_build",
    "sg_execution_times.rst",
    "**/sg_execution_times.rst",
]
templates_path = ["_templates"]

# A reference to a name of skaug that does not exist is an error. There are no links to other projects.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!skaug\.).*")]

# Pages
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "smartquotes"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
html_math_renderer = "mathml"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = "div.highlight:not(.block-output *) pre"

# API
autosummary_generate = True
autodoc_typehints = "none"
autodoc_default_options = {"member-order": "bysource"}
numpydoc_show_class_members = False
numpydoc_use_plots = False

# Gallery
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(?!plot_)",
    "within_subsection_order": "gallery_settings.position",
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "gallery_settings.warnings_are_errors"),
    "reset_modules_order": "both",
    "doc_module": ("skaug",),
    "backreferences_dir": "gallery/backreferences",
    "inspect_global_variables": False,
    "capture_repr": ("_repr_html_",),  # not the text that a call of matplotlib returns
    "show_signature": False,
    "show_memory": False,
    "download_all_examples": False,
    "parallel": 2,
    "thumbnail_size": (640, 400),
    "image_srcset": ["2x"],
    "copyfile_regex": "",
    "remove_config_comments": True,
}

# Theme
html_theme = "pydata_sphinx_theme"
html_title = "skaug"
html_static_path = ["_static"]
html_css_files = ["skaug.css"]
html_favicon = "_static/logo.svg"
toc_object_entries_show_parents = "hide"
html_domain_indices = False
html_context = {"default_mode": "auto"}
html_copy_source = True
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "text": "skaug",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
        "alt_text": "",
    },
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "show_nav_level": 1,
    "navigation_depth": 2,
    "show_prev_next": True,
    "search_as_you_type": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {
    page: []  # they have no pages below them
    for page in (
        "index",
        "get_started",
        "pitfalls",
        "statistics",
        "datasets",
        "benchmarks/synthesizers",
        "changes",
        "contributing",
        "citing",
        "sample_report",
        "gallery/index",
    )
}


def setup(app):
    """Leave methods out of the API pages that come from scikit-learn and are documented there."""
    app.connect("autodoc-skip-member", inherited_from_elsewhere)


def inherited_from_elsewhere(app, what, name, member, skip, options):
    """Return True for members that are not skaug's own."""
    function = member.fget if isinstance(member, property) else member
    module = getattr(function, "__module__", None) or "skaug"
    return True if not module.startswith("skaug") else None
