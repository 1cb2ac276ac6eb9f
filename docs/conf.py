"""The site: `./dev docs` builds it into build/docs from these pages, the notebooks and the docstrings.

The source folder is the repository's own, so that a link between files is the same here and on a code host.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from docutils import nodes
from pydantic import BaseModel
from pygments.lexers.special import TextLexer
from sphinx.util.inspect import stringify_signature
from sphinx.util.typing import stringify_annotation

from imagegen_nb import __version__

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project, author, version = "imagegen-nb", "The imagegen-nb developers", __version__
project_copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "notebooks/*.ipynb",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
]
exclude_patterns = [
    *(
        ".*",
        "assets",
        "benchmarks",
        "build",
        "cassettes",
        "demo-output",
        "dist",
        "imagegen_nb",
        "requirements",
    ),
    *(
        "tests",
        "docs/site",
        "notebooks/assets",
        "notebooks/images",
        "**/__pycache__",
        "**/.ipynb_checkpoints",
    ),
]

# Notebooks as they are stored: tests have run them. A widget needs scripts from elsewhere, so a page shows
# what stands beside it for readers without a kernel.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None),
    ("html", "application/javascript", None),
]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "strikethrough"]
suppress_warnings = ["myst.strikethrough"]  # that no other format than HTML has it

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 90
add_module_names = False

html_theme = "furo"
html_title = f"imagegen-nb {version}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_extra_path = ["site/index.html"]  # to the first page, which lies in a folder
html_show_sourcelink = html_copy_source = False
html_show_search_summary = False  # they are fetched, which a browser refuses to pages that are files
copybutton_exclude = ".linenos, .gp, .go"

PUBLIC = (
    *(
        "imagegen_nb",
        "imagegen_nb.testing",
        "imagegen_nb.judges",
        "imagegen_nb.providers",
        "imagegen_nb.replay",
    ),
    "imagegen_nb.emulator",
)

_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]*)">\s*'
    r'<img src="(?P<light>[^"]*)" alt="(?P<alt>[^"]*)">\s*</picture>\n'
)


def as_restructured_text(lines: list[str]) -> list[str]:
    """A docstring, which is plain English with `names` and indented code, as autodoc reads it."""
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", "\n".join(lines)):
        if not block.startswith("    "):
            parts.append(_escaped(block))
        elif parts and parts[-1].startswith("    "):
            parts.append(block)
        else:
            parts += [".. code-block:: python", block]
    return "\n\n".join(parts).split("\n")


def _escaped(text: str) -> str:
    """Prose in which nothing but `names` is markup."""
    parts = re.split("`+", text)
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"([*|\\]|_(?=\W|$))", r"\\\1", parts[index])
        if index and re.match(r"\w", parts[index]):  # as in `Error`s
            parts[index] = rf"\ {parts[index]}"
    return "``".join(parts)


def _read_docstring(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    lines[:] = as_restructured_text(lines)


def public_names() -> dict[str, str]:
    """Where each public object is defined, with the name that users import."""
    names: dict[str, str] = {}
    for module in map(importlib.import_module, PUBLIC):
        for name in module.__all__:
            item = getattr(module, name)
            home = f"{getattr(item, '__module__', module.__name__)}.{getattr(item, '__qualname__', name)}"
            names.setdefault(home, f"{module.__name__}.{name}")
    return names


def _sign(
    _app: Sphinx,
    _what: str,
    _name: str,
    item: Any,
    _options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """The arguments that people write: of a model its fields, of a widget those of its own `__init__`; not
    `self`, private ones, or what is there for validation."""
    if isinstance(item, type) and issubclass(item, BaseModel):
        return _fields(item), ""
    if signature is None:
        return None
    if re.search(r"^\(\*args|Annotated\[|[(,]\s*_\w", signature):
        signature = stringify_signature(_plain(inspect.signature(item)), show_return_annotation=False)
    return re.sub(r"= ?(?:<factory>|Ellipsis)", "= ...", signature), returned


def _plain(signature: inspect.Signature) -> inspect.Signature:
    """What a caller writes, with the bare types."""
    arguments = []
    for name, argument in signature.parameters.items():
        if name != "self" and not name.startswith("_"):
            kind = argument.annotation
            bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
            arguments.append(argument.replace(annotation=bare))
    return signature.replace(parameters=arguments)


def _fields(item: type[BaseModel]) -> str:
    arguments = []
    for name, field in item.model_fields.items():
        default = "" if field.is_required() else f" = {field.get_default(call_default_factory=True)!r}"
        kind = re.sub(r"\b[\w.]+\.(?=\w)", "", stringify_annotation(field.annotation))
        arguments.append(f"{name}: {kind}{default}")
    return f"(*, {', '.join(arguments)})"


def _show_pictures(_app: Sphinx, _name: str, source: list[str]) -> None:
    """A picture in two themes, which on a code host follows the system's, follows the page's theme here."""
    source[0] = _PICTURE.sub(
        lambda found: "".join(
            f"```{{image}} {found[theme]}\n:alt: {found['alt']}\n:class: only-{theme}\n```\n\n"
            for theme in ("light", "dark")
        ),
        source[0],
    )


def _drop_empty(_app: Sphinx, doctree: nodes.document, _name: str) -> None:
    """Of an output that is only a script, its empty text would stay as a grey box."""
    for block in [*doctree.findall(nodes.literal_block)]:
        if not block.astext().strip():
            block.parent.remove(block)


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """A type in a signature leads to where it is explained; one that is nowhere explained stays words."""
    if node.get("refdomain") != "py":
        return None
    domain, target = env.domains.python_domain, node["reftarget"]
    home = public_names().get(target, "")
    short = target.rpartition(".")[2]
    for name in filter(None, (home, *(f"{module}.{short}" for module in PUBLIC))):
        if name in domain.objects:
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)
    return content


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx asks for it."""
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", _show_pictures)
    app.connect("autodoc-process-docstring", _read_docstring)
    app.connect("autodoc-process-signature", _sign)
    app.connect("doctree-resolved", _drop_empty)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
