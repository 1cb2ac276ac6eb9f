"""`%%imagegen`: a cell whose body is a prompt; `%imagegen form`: the form."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from imagegen_nb.core.html_repr import Tile
from imagegen_nb.errors import ImagegenError, InvalidOption, InvalidStep, VariableError
from imagegen_nb.magics import options
from imagegen_nb.magics.options import Request
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step.validation import outside_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imagegen_nb.widgets.form import StepForm


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _UnnamedRun(Run):
    """A run that no variable holds: it shows no paths for later prompts, as none would find it."""

    def _tiles(self) -> list[Tile]:
        return [replace(tile, path="") for tile in Run._tiles(self)]  # slots: super() is of another class


@magics_class
class ImagegenMagics(Magics):
    """The magics of one shell; a workspace that no variable holds is kept for the next cell."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._own: dict[tuple[str, str], Workspace] = {}

    @no_var_expand
    @cell_magic
    def imagegen(self, line: str, cell: str) -> Run | None:
        """Run a step whose prompt is the cell; `{{name}}` in it is a variable of the notebook.

        %%imagegen --model gpt-image-2 --size 1536x1024 --count 2 -o hero
        A hero image for {{product}}

        Shows the run, and keeps it as `hero`, for {{hero.output.assets.0.file_url}} in a later prompt, which
        without -o no prompt can name. A
        cassette in use records or replays it. Without a workspace in the notebook it runs on the emulator.
        """
        if options.asks_for_help(line):
            sys.stdout.write(f"{options.usage()}\n")
            return None
        with _in_plain_words():
            request = options.parse(line)
            step = ImageGenerationStep(**{**request.settings, "prompt": cell.strip("\n")})
            workspace = self._workspace(request)
            inputs = self._inputs(step)
        run = step.run(inputs, workspace=workspace, identifier=request.variable)
        if not request.variable:
            return _UnnamedRun(**{field.name: getattr(run, field.name) for field in fields(run)})
        self._namespace[request.variable] = run
        return run

    @no_var_expand
    @line_magic("imagegen")  # type: ignore[arg-type]  # typed for functions, not for methods
    def imagegen_line(self, line: str) -> StepForm | None:
        """`%imagegen form` shows the form, `%imagegen` alone the options."""
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#") or options.asks_for_help(word):
            sys.stdout.write(f"{options.usage()}\n")
            return None
        with _in_plain_words():
            if word != "form":
                raise InvalidOption(
                    f"%imagegen {word}: write %imagegen form, or %%imagegen and the prompt in the lines below"
                )
            request = options.parse(rest, "%imagegen form")
            workspace = self._workspace(request)
        from imagegen_nb.widgets.form import StepForm

        form = StepForm(workspace=workspace, identifier=request.variable)
        for key, value in request.settings.items():
            form.enter(key, value)
        if request.variable:
            self._namespace[request.variable] = form
        return form

    def complete(self, shell: Any, event: Any) -> list[str]:
        """What the last word of a line with the magic may become, for IPython."""
        before = event.text_until_cursor.rpartition("\n")[2]
        return options.completions(before, event.symbol, self._workspaces())

    def _inputs(self, step: ImageGenerationStep) -> dict[str, Any]:
        """The notebook's variables that the prompt names."""
        names = dict.fromkeys(path.partition(".")[0] for path in step.variables)
        inputs = {name: self._namespace[name] for name in names if name in self._namespace}
        missing = [name for name in names if name not in inputs]
        if missing:
            assign = "; ".join(f'{name} = "…"' for name in missing)
            raise VariableError(
                f"the notebook has no variable {', '.join(missing)}: run a cell with {assign} first",
                missing=tuple(missing),
            )
        return inputs

    def _workspace(self, request: Request) -> Workspace:
        """The workspace a line names, or the only one there is, or one of its own."""
        known = self._workspaces()
        if request.workspace is not None:
            if request.workspace in known:
                return known[request.workspace]
            told = f"workspaces are {', '.join(known)}" if known else "there is none yet"
            raise InvalidOption(
                f"--workspace {request.workspace}: is not a workspace of this notebook; {told}"
            )
        if known and not request.places_workspace:
            if len({id(workspace) for workspace in known.values()}) > 1:
                raise InvalidOption(
                    f"the notebook has several workspaces: choose one by --workspace {' or '.join(known)}"
                )
            return next(iter(known.values()))
        place = (request.store or "assets", request.backend or "emulator")
        if place not in self._own:
            self._own[place] = Workspace(place[0], backend=place[1])
        return self._own[place]

    def _workspaces(self) -> dict[str, Workspace]:
        """Those that variables of the notebook hold, by name."""
        held = self._namespace.items()
        return {name: value for name, value in held if isinstance(value, Workspace) and name[:1] != "_"}

    @property
    def _namespace(self) -> dict[str, Any]:
        """The notebook's variables; what is shown has names of its own there, beginning with _."""
        assert self.shell is not None
        held: dict[str, Any] = self.shell.user_ns
        return held


@contextlib.contextmanager
def _in_plain_words() -> Iterator[None]:
    """Mistakes in the cell are told without the lines of this package that found them."""
    try:
        yield
    except InvalidStep as error:
        told: ImagegenError = options.in_options(outside_python(error))
    except (InvalidOption, VariableError) as error:
        told = error
    else:
        return
    raise UsageError(str(told)) from None


def register(shell: Any) -> None:
    """Add the magics to a shell, with their completions."""
    magics = ImagegenMagics(shell)
    shell.register_magics(magics)
    for key in ("%%imagegen", "%imagegen"):
        shell.set_hook("complete_command", magics.complete, str_key=key)
