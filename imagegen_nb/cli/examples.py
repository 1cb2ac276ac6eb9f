"""What the help of each command ends with: examples, and the exit codes it may leave with."""

from __future__ import annotations

from dataclasses import dataclass, field

import click

_ALL = {0: "done", 2: "something given was wrong", 130: "interrupted"}


@dataclass(frozen=True, slots=True)
class Examples:
    """Command lines without the program's name, and what exit codes mean beside the usual ones."""

    lines: tuple[str, ...]
    codes: dict[int, str] = field(default_factory=dict)

    @property
    def epilog(self) -> str:
        """The end of a help, in click's notation: \\b keeps lines as they are."""
        shown = "\n".join(f"  imagegen-nb {line}" for line in self.lines)
        head = "Examples" if len(self.lines) > 1 else "Example"
        return f"\b\n{head}:\n{shown}\n\nExit codes: {self.exit_codes}."

    @property
    def exit_codes(self) -> str:
        """Each code and what it means, in a line."""
        return ", ".join(f"{code} {meaning}" for code, meaning in sorted({**_ALL, **self.codes}.items()))


_FAILED = "the step failed"
BY_COMMAND = {
    "demo": Examples(("demo", "demo --folder try-it"), {1: "a cell failed"}),
    "doctor": Examples(("doctor", "doctor --json"), {1: "there is a problem"}),
    "lab": Examples(("lab", "lab notebooks --no-browser"), {1: "JupyterLab ended with an error"}),
    "emulator": Examples(("emulator", "emulator --port 8321 --latency 2")),
    "run": Examples(
        (
            'run hero.step.json -i product="a bottle" --backend emulator',
            "run hero.step.json --budget 0.50 --export hero-done.step.json",
            "run card.step.json --step step_1=hero-done.step.json --identifier step_2",
        ),
        {0: "done, also with fewer images than asked", 1: _FAILED},
    ),
    "estimate": Examples(('estimate hero.step.json -i product="a bottle"', "estimate hero.step.json --json")),
    "init": Examples(("init", "init my-project --source git+https://git.example/imagegen-nb.git@v1")),
    "migrate": Examples(("migrate old.json hero.step.json",)),
    "models": Examples(("models", "models gpt-image-2")),
    "paths": Examples(("paths hero.step.json --identifier step_1",)),
    "record": Examples(
        ("record notebooks/hero.ipynb --emulator", "record notebooks/hero.ipynb --live"),
        {1: "the notebook's test fails with the new recording"},
    ),
    "scan": Examples(
        ("scan .", "scan notebooks cassettes --json"),
        {0: "no key found", 1: "a key was found", 2: "a file cannot be read"},
    ),
    "schema": Examples(("schema", "schema --file")),
    "sweep": Examples(
        (
            "sweep mugs.toml --backend emulator",
            "sweep mugs.toml --only-failed",
            "sweep mugs.toml --plan",
        ),
        {1: "some cells have no image", 2: "some cells cannot be run, or something given was wrong"},
    ),
    "validate": Examples(("validate hero.step.json",), {2: "a file is not as it should be"}),
    "runs": Examples(("runs", "runs --text bottle --outcome done --limit 10 --files")),
    "cassettes ls": Examples(("cassettes ls",)),
    "cassettes check": Examples(
        ("cassettes check", "cassettes check hero"),
        {2: "one is not as it should be, or there is none"},
    ),
    "cassettes prune": Examples(("cassettes prune", "cassettes prune hero")),
    "store check": Examples(
        ("store check", "store check s3://bucket/team --quick"),
        {2: "something is wrong with the store, or there is none"},
    ),
    "store rebuild": Examples(
        ("store rebuild", "store rebuild my-store"), {2: "what was built again is still wrong"}
    ),
    "store gc": Examples(("store gc --dry-run", "store gc")),
    "store ls": Examples(("store ls", "store ls s3://bucket/team --starred --json")),
    "platform push": Examples(
        (
            "platform push hero.step.json --workspace-id 5e0f2f4e-0000-4000-8000-000000000000 --dry-run",
            "platform push hero.step.json --workspace-id 5e0f2f4e-0000-4000-8000-000000000000",
        )
    ),
    "platform sheet": Examples(
        ("platform sheet hero.step.json", "platform sheet hero.step.json -o hero.html")
    ),
    "platform wiring": Examples(
        (
            "platform wiring hero.step.json --identifier step_1",
            "platform wiring hero.step.json -o wiring.html",
        )
    ),
    "platform verify": Examples(
        ("platform verify hero.step.json --deployment hero-images",), {1: "the platform's run differs"}
    ),
}
"""By the command as it is typed."""


def add_to(command: click.Command, name: str) -> None:
    """Let a command's help end with its examples; one that has an end of its own keeps it."""
    if name in BY_COMMAND and not command.epilog:
        command.epilog = BY_COMMAND[name].epilog
