"""Writes what is derived from the code: the model table, also in README, the pages of reference, the JSON
Schemas, and the notebooks with their cassettes; and from `genai-prices` the prices it lists.

A test fails when a written file differs from what this would write.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ConditionalPrice, ModelInfo, PriceVariant

import imagegen_nb
from imagegen_nb import errors
from imagegen_nb.cli import examples
from imagegen_nb.cli.app import app
from imagegen_nb.errors import ImagegenError, ReplayError
from imagegen_nb.notebooks.record import NotebookRecording, record
from imagegen_nb.pricing import price_lookup
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Choice, Kind, PixelSize
from imagegen_nb.step import model_table
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import definition_schema
from imagegen_nb.widgets.form_state import Draft, FieldState, FormState
from imagegen_nb.workflows.workflow_document import workflow_schema

ROOT = Path(__file__).parents[1]
PACKAGE = Path(imagegen_nb.__file__).parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
_MODELS = """# Models and their settings

For whoever chooses a model or a value: what each model can be set to, and until when it is served;
`imagegen-nb models` prints the same. Status as of 2026-11-26: using a model that is not current warns, and
names its successor. What is *reported by others* could not be read from the provider itself.

Written by `./dev generate` from what each provider's file declares.

"""
_BEGIN, _END = "<!-- {}: written by ./dev generate -->\n\n", "\n<!-- end of {} -->\n"
"""What stands before and after the part of a page that is generated, by the name of the part."""
_ERRORS = """# Errors

For code that handles errors: every exception that the toolkit raises on purpose. What you see in each
case, and what it costs, is in [what can go wrong](../failures.md).

Written by `./dev generate` from the docstrings of `imagegen_nb.errors`.

"""
_CLI = """# The command line

For shells and CI: every command with its options, as `imagegen-nb COMMAND --help` prints them.

| exit code | means |
|---|---|
| 0 | done, also with fewer images than requested |
| 1 | the step failed, or something was found |
| 2 | something that was given is wrong: a file, an input, a missing key |
| 130 | interrupted; 143 and 129 where SIGTERM or SIGHUP ended `demo` or `record`, and its kernel with it |

Each command below says what they mean there.

Where a command writes to a file that is there already:

- A table, report, sheet or wiring (`sweep --csv`, `sweep --report`, `platform sheet -o`, `wiring -o`)
  replaces an older one that the toolkit wrote, which is said, and nothing else.
- A step or workflow file (`run --export`, `migrate`) replaces nothing; with `--force` what is there, which is
  said.
- Images go to the store, which replaces none.

In Python likewise: `sweep.to_csv`, `to_json` and `report` replace older ones of the toolkit's, `save_step`
and `workflow.save` a file of the same steps, `asset.save`, `run.save` and `sweep.crate` nothing.
`overwrite=True` replaces what is there.

Written by `./dev generate` from the commands' own help.

Commands, options and files are completed in the shell after
`eval "$(_IMAGEGEN_NB_COMPLETE=bash_source imagegen-nb)"` in `~/.bashrc`; in zsh and fish with
`zsh_source` and `fish_source`.

"""
_FORMATS = """# File formats

For programs that read or write the toolkit's files: their layout, key by key. How such files are read,
written and migrated is in [the step file](../step-file.md) and [workflows](../workflows.md#as-one-file);
what is in a cassette, in [cassettes](../cassettes.md#what-is-in-a-cassette).

Written by `./dev generate` from the JSON Schemas.

| file | JSON Schema (2020-12) |
|---|---|
| a step file, version 2 | [step file](../../imagegen_nb/step_file/schemas/step-file-2.schema.json) |
| a step's settings (`imagegen-nb schema`) | [step](../../imagegen_nb/step_file/schemas/step.schema.json) |
| a workflow file, version 1 | [workflow](../../imagegen_nb/workflows/schemas/workflow-file-1.schema.json) |

An editor that knows JSON Schema completes and checks a step file by the first of them, a workflow file by the
last. Which values a setting takes depends on the model, and is in [models and their settings](../models.md).

"""
_FORM_HEAD = "| field | shown as | choices | value | note |\n|---|---|---|---|---|\n"


def texts() -> dict[Path, str]:
    """Every generated text file with what it should hold."""
    schemas = PACKAGE / "step_file" / "schemas"
    reference = ROOT / "docs" / "reference"
    models = model_table.markdown(model_table.model_rows()).replace("\n### ", "\n## ")
    readme, form = ROOT / "README.md", ROOT / "docs" / "form.md"
    overview = models.partition("\n\n")[0] + "\n"
    return {
        readme: _with_part(readme, "models", overview),
        ROOT / "docs" / "models.md": _MODELS + models,
        reference / "errors.md": _ERRORS + _errors(),
        reference / "cli.md": _CLI + _commands(),
        reference / "file-formats.md": _FORMATS + _formats(),
        form: _with_part(form, "fields", _form()),
        PACKAGE / "step" / "step_settings.py": _step_settings(),
        schemas / "step.schema.json": _json(ImageGenerationStep.json_schema()),
        schemas / "step-file-2.schema.json": _json(definition_schema()),
        PACKAGE / "workflows" / "schemas" / "workflow-file-1.schema.json": _json(workflow_schema()),
        price_lookup.LISTED: _json(_listed_prices()),
    }


def _with_part(page: Path, name: str, part: str) -> str:
    """The page's text, whose other parts are written by hand, with `part` in its place."""
    begin, end = _BEGIN.format(name), _END.format(name)
    before, _begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _old, _end, after = rest.partition(end)
    return before + begin + part + end + after


def _errors() -> str:
    """The tree, then each error with what it says of itself."""
    tree = str(errors.__doc__).partition("\n\n")[2].partition("\n\nBuilt")[0]
    rows = []
    for name, item in vars(errors).items():
        if inspect.isclass(item) and issubclass(item, ImagegenError):
            text = " ".join(inspect.cleandoc(item.__doc__ or "").split())
            rows.append(f"| `{name}` | `{item.kind}` | {text} |\n")
    head = "## Each of them\n\n`kind` is what an output's `error` and `--json` call it.\n\n"
    return f"```text\n{tree}\n```\n\n{head}| error | kind | means |\n|---|---|---|\n{''.join(rows)}"


def _commands(group: click.Group = app, name: str = "imagegen-nb", level: int = 2) -> str:
    """Every command of a group: its usage, what it says of itself, arguments and options."""
    parts = []
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        full = f"{name} {each}"
        parts.append(f"{'#' * level} {full}\n")
        # An indented block of a help is shown as it is.
        parts.append(inspect.cleandoc((command.help or "").replace("\b\n", "")) + "\n")
        if isinstance(command, click.Group):
            parts.append(_commands(command, full, level + 1).rstrip("\n") + "\n")
            continue
        own = click.Context(command, info_name=full)
        usage = " ".join(command.collect_usage_pieces(own))
        parts.append(f"```text\n{full} {usage}\n```\n")
        if rows := "".join(_parameter(each, own) for each in command.params):
            parts.append(f"| | | default |\n|---|---|---|\n{rows}")
        if said := examples.BY_COMMAND.get(full.partition(" ")[2]):
            lines = "\n".join(f"imagegen-nb {line}" for line in said.lines)
            parts.append(f"```text\n{lines}\n```\n\nExit codes: {said.exit_codes}.\n")
    return "\n".join(parts)


def _parameter(parameter: click.Parameter, context: click.Context) -> str:
    told: dict[str, Any] = parameter.to_info_dict()
    is_flag = bool(told.get("is_flag"))
    metavar = "" if is_flag or isinstance(parameter, click.Argument) else parameter.make_metavar(context)
    names = (
        parameter.make_metavar(context)
        if isinstance(parameter, click.Argument)
        else ", ".join(parameter.opts)
    )
    default = told.get("default")
    shown = (
        ""
        if is_flag or default is None or callable(default) or not str(default).strip("()[]")
        else f"`{default}`"
    )
    text = " ".join(str(told.get("help") or "").split()).replace("|", "\\|")
    return f"| `{f'{names} {metavar}'.strip()}` | {text} | {shown} |\n"


def _formats() -> str:
    """The keys of a step file and of a workflow file, object by object."""
    schema, workflow = definition_schema(), workflow_schema()
    parts = [_object("A step file", schema), _object("A workflow file", workflow)]
    objects = {**schema["$defs"], **workflow["$defs"]}
    parts += [_object(name, body) for name, body in sorted(objects.items()) if name != "StepFile"]
    return "\n".join(parts)


def _object(name: str, body: dict[str, Any]) -> str:
    text = "\n".join(inspect.cleandoc(body.get("description", "")).splitlines())
    required = body.get("required", ())
    rows = "".join(
        f"| `{key}` | {_type_of(value)} | {'yes' if key in required else ''} |\n"
        for key, value in body["properties"].items()
    )
    return f"## {name}\n\n{text}\n\n| key | value | required |\n|---|---|---|\n{rows}"


def _type_of(value: dict[str, Any]) -> str:
    """A value's type in words, with a link where it is an object of its own."""
    if reference := value.get("$ref"):
        name = reference.rpartition("/")[2]
        if name == "StepFile":
            return "[a step file](#a-step-file)"
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if value.get("title") == "Image Generation step":
        return "the settings that are set, [by the platform's keys](../models.md)"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "anyOf" in value:
        return " or ".join(map(_type_of, value["anyOf"]))
    if value.get("type") == "array":
        return f"array of {_type_of(value['items'])}"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object of {_type_of(value['additionalProperties'])}"
    return re.sub(r"^null$", "`null`", str(value.get("type", "any")))


_SETTINGS = '''"""The types of a step's keywords, with values that editors complete.

Written by `./dev generate` from the models' declarations. A value that is not among them is no error of
types: sizes may be of any pixels, and models are declared by users, with values of their own. Every value is
checked when it runs.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypedDict

from imagegen_nb.core.types import ChargeType, OnFailure
from imagegen_nb.providers.capabilities import Model


class AnyText(Protocol):
    """Any `str`. Beside `str` itself, some checkers forget a `Literal`, and their editors its values."""

    def isidentifier(self) -> bool:
        """What only a text answers."""


class StepSettings(TypedDict, total=False):
    """The settings beside the prompt, by platform key; None leaves one to the provider."""

'''
_CHANGES = '''

class StepChanges(StepSettings, total=False):
    """All settings, as `replace` takes them."""

    prompt: str
'''
_DECLARED_TYPES = {
    "name": "str | None",
    "image_count": "int",
    "charge_type": "ChargeType",
    "on_failure": "OnFailure",
}


def _step_settings() -> str:
    """`imagegen_nb/step/step_settings.py`: for each key the values that some model declares."""
    lines = []
    for key in ImageGenerationStep.kinds():
        if key == "prompt":
            continue
        kinds = [entry.model.settings[key] for entry in catalog.models() if key in entry.model.settings]
        values, others = (
            dict.fromkeys(value for kind in kinds for value in _values(kind)),
            ("AnyText", "None"),
        )
        if key == "model":
            values, others = (
                dict.fromkeys(entry.model.name for entry in catalog.models()),
                ("AnyText", "Model"),
            )
        declared = _DECLARED_TYPES.get(key) or (_union(values, others) if values else "int | None")
        lines.append(f"    {key}: {declared}\n")
    return _SETTINGS + "".join(lines) + _CHANGES


def _values(kind: Kind) -> tuple[str, ...]:
    """The words that a kind of setting offers, its default among them."""
    if isinstance(kind, Choice):
        return kind.values
    return (kind.default, *kind.tiles) if isinstance(kind, PixelSize) else ()


def _union(values: Iterable[str], others: Iterable[str]) -> str:
    """The values, and what else there may be, as the formatter writes it."""
    words = [json.dumps(value) for value in values]
    line = " | ".join((f"Literal[{', '.join(words)}]", *others))
    if len(line) < 80:
        return line
    listed = "".join(f"            {word},\n" for word in words)
    return f"(\n        Literal[\n{listed}        ]\n        | " + "\n        | ".join(others) + "\n    )"


def _listed_prices() -> dict[str, object]:
    """What `genai-prices` knows of image models that are priced by tokens, and of those that are asked about
    pictures, each by its own name: one that is named like another need not cost the same."""
    named = {"openai": "openai", "google": "gemini", "x-ai": "xai"}
    looking = {
        provider.name: {model.name for model in provider.vision_models} for provider in catalog.providers()
    }
    models: dict[str, dict[str, object]] = {name: {} for name in named.values()}
    for vendor in get_snapshot().providers:
        provider = named.get(vendor.id, "")
        for model in vendor.models if provider else ():
            makes_images = model.id.startswith(("gpt-image-", "gemini-"))
            prices = _rates_of(model, bills_text=not makes_images or vendor.id != "openai")
            name = model.id.removesuffix("-preview") if "image output" in prices else model.id
            if (makes_images and "image output" in prices) or name in looking[provider]:
                source = (vendor.pricing_urls or [""])[0]
                batch = _batch_rates_of(model, bills_text=vendor.id != "openai") if makes_images else {}
                listed = {"source": source, "prices": prices, "batch": batch}
                models[provider][name] = {key: value for key, value in listed.items() if value}
    return {"release": f"genai-prices {version('genai-prices')}", "models": models}


def _rates_of(model: ModelInfo, *, bills_text: bool) -> dict[str, str]:
    """Dollars of a million tokens by unit. One that is not listed costs what the more general one does."""
    # Of prices that changed with time, the last that has begun is in force. A model has what is priced, and
    # nothing else.
    begun = [each for each in model.prices if _has_begun(each)] if isinstance(model.prices, list) else []
    return _by_unit(begun[-1].prices if begun else model.prices, bills_text=bills_text)


def _batch_rates_of(model: ModelInfo, *, bills_text: bool) -> dict[str, str]:
    """The same of what is asked for in a batch; nothing where no such price is listed."""
    for variant in getattr(model, "price_variants", None) or ():
        if variant.when == {"processing": "batch"} and _has_begun(variant):
            return _by_unit(variant.prices, bills_text=bills_text)
    return {}


def _by_unit(rates: object, *, bills_text: bool) -> dict[str, str]:
    rate = partial(getattr, rates)
    text_out, image_out = rate("output_mtok", None), rate("output_image_mtok", None)
    if not bills_text and image_out is None:
        image_out, text_out = text_out, Decimal(0)  # its image models put out text, which it does not bill
    text_in, image_in = rate("input_mtok", None), rate("input_image_mtok", None)
    listed = {
        "text input": text_in,
        "cached text input": rate("cache_read_mtok", None),
        "image input": text_in if image_in is None else image_in,
        "cached image input": rate("cache_image_read_mtok", None),
        "cache write": rate("cache_write_mtok", None),
        "text output": text_out,
        "image output": image_out,
    }
    # Of a price in tiers the first one holds: a question and a picture stay below where the next begins.
    plain = {unit: getattr(amount, "base", amount) for unit, amount in listed.items()}
    return {unit: f"{amount:f}" for unit, amount in plain.items() if isinstance(amount, Decimal)}


def _has_begun(price: ConditionalPrice | PriceVariant) -> bool:
    start = getattr(price.constraint, "start_date", None)
    return start is None or start <= datetime.now(UTC).date()


def _form() -> str:
    """What an untouched form shows for every model, and what the choice of a format changes."""
    states = {f"`{entry.model.name}`": Draft(entry.model.name) for entry in catalog.models()}
    for chosen in ("jpeg", "webp"):
        states[f"`gpt-image-2`, Output Format {chosen}"] = Draft("gpt-image-2").changed(
            "image_output_format", chosen
        )
    tables: dict[str, list[str]] = {}
    for title, draft in states.items():
        fields = FormState.of(draft).fields.values()
        rows = "".join(_form_row(field) for field in fields if field.key != "model")
        tables.setdefault(rows, []).append(title)
    return "\n".join(f"### {', '.join(titles)}\n\n{_FORM_HEAD}{rows}" for rows, titles in tables.items())


def _form_row(field: FieldState) -> str:
    if not field.visible:
        return f"| {field.label} | *hidden* | | | |\n"
    choices = ", ".join(f"~~{o.label}~~" if o.disabled else o.label for o in field.options)
    choices += ", Custom" if field.custom else ""
    choices = choices or (f"{field.minimum}–{field.maximum}" if field.maximum else "")
    labels = {option.value: option.label for option in field.options}
    value = "" if field.value is None else str(labels.get(field.value, field.value))
    shown = field.control if field.enabled else "*disabled*"
    return f"| {field.label} | {shown} | {choices} | {value} | {field.hint} |\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def recorded(notebook: Path, project: Path) -> NotebookRecording:
    """Record `notebook` against the emulator in the folder `project`, laid out as this one; nothing else
    is touched, and nothing that an earlier run left behind is met. Raises `ImagegenError`."""
    (project / "cassettes").mkdir(parents=True)
    copy = project / "notebooks" / notebook.name
    copy.parent.mkdir()
    shutil.copy(notebook, copy)
    done = record(copy, "emulator")
    if done.differences:
        raise ReplayError(f"{notebook.name} replays with other outputs: {'; '.join(done.differences)}")
    return done


def main(arguments: list[str] | None = None) -> None:
    """Write all of them, or those that are asked for."""
    parser = argparse.ArgumentParser(description=f"{__doc__}".partition("\n\n")[0])
    parser.add_argument("--texts", action="store_true", help="only the texts: no notebook is recorded")
    names = [notebook.stem for notebook in NOTEBOOKS]
    parser.add_argument(
        *("--notebook", "-n"),
        action="append",
        choices=names,
        metavar="NAME",
        help=f"record only this notebook, and write the texts: {', '.join(names)}; may be repeated",
    )
    asked = parser.parse_args(arguments)
    if asked.texts and asked.notebook:
        parser.error("--texts records no notebook: leave out --texts or --notebook")
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
    chosen = [] if asked.texts else asked.notebook or names
    for notebook in (each for each in NOTEBOOKS if each.stem in chosen):
        with tempfile.TemporaryDirectory() as folder:
            done = recorded(notebook, Path(folder) / "project")
            target = ROOT / "cassettes" / done.folder.name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(done.folder, target)
            shutil.copy(done.notebook, notebook)


if __name__ == "__main__":
    main()
