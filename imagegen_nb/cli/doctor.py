"""`imagegen-nb doctor`: what this machine has, what is wrong with it, and what to do about each."""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.parameters import json_option, store_option

if TYPE_CHECKING:
    from imagegen_nb.store.base import Store

State = Literal["ok", "note", "problem"]
_MARKS = {"ok": "[green]ok[/]     ", "note": "[yellow]note[/]   ", "problem": "[bold red]problem[/]"}
_PACKAGES = ("openai", "google-genai", "httpx2", "pydantic", "pillow", "ipywidgets", "anywidget")
"""Those whose version decides how the toolkit behaves."""
_HOSTS = ("jupyterlab", "notebook", "voila", "marimo")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")
_EXTRAS = {
    "notebook": "nbclient",
    "lab": "jupyterlab",
    "replay": "vcr",
    "testing": "flip_evaluator",
    "test": "nbval",
    "progress": "tqdm",
    "pandas": "pandas",
    "polars": "polars",
    "objects": "obstore",
    "keyring": "keyring",
    "socks": "socksio",
    "c2pa": "c2pa",
    "rocrate": "rocrate",
    "opentelemetry": "opentelemetry",
}
"""Extras, each with a module that only it brings."""
_ANOTHER = "--store names another"
_LEAST_ROOM = 1 << 20
"""Bytes of the disk without which no run can be expected to end well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `said` is what was found, `remedy` what to do, empty where nothing is."""

    subject: str
    state: State
    said: str
    remedy: str = ""


@click.command()
@store_option
@click.option(
    "--try", "tries", is_flag=True, help="Also make an image on the emulator, in a temporary folder."
)
@json_option("Print the findings as JSON.")
def doctor(store: str, tries: bool, as_json: bool) -> None:
    """Look at versions, keys (by name only), proxies, certificates, what notebooks need and the store,
    without sending anything, and say what to do; exit with 1 when there is a problem."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        _versions,
        _extras,
        _notebooks,
        _keys,
        _network,
        _patches,
    ]
    checks += [lambda: _store(store), *([_first_image] if tries else [])]
    findings = [finding for check in checks for finding in check()]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding)
    if any(finding.state == "problem" for finding in findings):
        raise SystemExit(1)


def _print(finding: Finding) -> None:
    out().print(f"{_MARKS[finding.state]} {escape(f'{finding.subject}: {finding.said}')}")
    if finding.remedy:
        out().print(f"          {escape(finding.remedy)}")


def _versions() -> Iterator[Finding]:
    from imagegen_nb._version import __version__

    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("versions", "ok", f"imagegen-nb {__version__}, {python}")
    found = [f"{name} {version}" for name in _PACKAGES if (version := _version(name))]
    yield Finding("packages", "ok", ", ".join(found))


def _extras() -> Iterator[Finding]:
    from imagegen_nb.core.install_hint import install_command

    there = [extra for extra, module in _EXTRAS.items() if importlib.util.find_spec(module)]
    missing = [extra for extra in _EXTRAS if extra not in there]
    remedy = (
        f"not here: {', '.join(missing)}; to install one: {install_command(missing[0])}" if missing else ""
    )
    yield Finding("extras", "ok", ", ".join(there) or "none", remedy)


def _notebooks() -> Iterator[Finding]:
    from imagegen_nb.core.install_hint import install_command

    hosts = [f"{name} {version}" for name in _HOSTS if (version := _version(name))]
    if hosts:
        yield Finding("notebooks", "ok", ", ".join(hosts))
    else:
        yield Finding(
            "notebooks", "note", "no notebook application in this environment", install_command("lab")
        )
    if hosts and not _version("ipykernel") and not _version("marimo"):
        yield Finding("kernel", "problem", "no ipykernel to run notebooks in", install_command("notebook"))
    import webbrowser

    try:
        webbrowser.get()
    except webbrowser.Error:
        yield Finding("browser", "note", *_no_browser())


def _no_browser() -> tuple[str, str]:
    """Why Jupyter can open none, and what to do. Python looks for no program where there is no screen."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        return "none on this machine", "open the address that Jupyter prints on another machine"
    return (
        f"{program} is here, but there is no screen to open it on (DISPLAY is not set)",
        "open the address that Jupyter prints on another machine; browser tests need no screen",
    )


def _keys() -> Iterator[Finding]:
    from imagegen_nb.errors import MissingCredential
    from imagegen_nb.providers import catalog, credentials

    for provider in catalog.providers():
        try:
            found = credentials.find(provider.name, provider.key_variable, "personal", {})
        except MissingCredential as error:
            unset = error.fault.endswith("is not set")
            remedy = (
                "only live runs need it; the emulator needs none" if unset else "set it again, or unset it"
            )
            yield Finding(f"key of {provider.label}", "note" if unset else "problem", error.fault, remedy)
        else:
            where = "in the keyring" if found.in_keyring else "in the environment"
            yield Finding(f"key of {provider.label}", "ok", f"{provider.key_variable} is {where}")


def _network() -> Iterator[Finding]:
    from imagegen_nb.errors import ProviderFault
    from imagegen_nb.providers import catalog
    from imagegen_nb.providers.http import certificates, proxies

    for provider in catalog.providers():
        try:
            proxy = proxies.proxy_for(provider.base_url, provider.name)
        except ProviderFault as error:
            yield Finding(f"connection to {provider.label}", "problem", error.message)
        else:
            yield Finding(
                f"connection to {provider.label}", "ok", "direct" if proxy is None else f"by {proxy}"
            )
    try:
        certificates.tls_context("")
    except ProviderFault as error:
        yield Finding("certificates", "problem", error.message)
    else:
        yield Finding("certificates", "ok", certificates.told())


def _patches() -> Iterator[Finding]:
    import httpx2

    method = httpx2.AsyncHTTPTransport.handle_async_request
    if not method.__module__.startswith("httpx2"):
        yield Finding(
            "transport",
            "problem",
            f"something has replaced the HTTP client's transport ({method.__module__})",
            "find what does so at the start of Python (a .pth file, sitecustomize), and leave it out",
        )
    if cassette := os.environ.get("IMAGEGEN_NB_CASSETTE"):
        yield Finding(
            "cassette",
            "note",
            f"every process replays or records {Path(cassette).name!r}",
            "unset IMAGEGEN_NB_CASSETTE to call the providers",
        )


def _store(address: str) -> Iterator[Finding]:
    from imagegen_nb.core.words import counted
    from imagegen_nb.errors import InvalidOption, StoreError
    from imagegen_nb.store import maintenance
    from imagegen_nb.store.open_store import open_store

    look = f"imagegen-nb store check {shlex.quote(address)}"
    try:
        store = open_store(address)
        is_there, closed = maintenance.exists(store), _closed_folder(store)
        if closed:
            said = f"nothing can be stored in {address}" if is_there else f"none can be made in {address}"
            yield Finding("store", "problem", f"{said}: {closed}", _ANOTHER)
            return
        if not is_there:
            remedy = "the first run makes it; --store names another"
            yield Finding("store", "note", f"none in {address} yet", remedy)
            return
        report = maintenance.check(store, quick=True)
    except InvalidOption as error:  # no address, or one that nothing here can open
        yield Finding("store", "problem", str(error))
        return
    except StoreError as error:
        is_folder = "://" in address or Path(address).expanduser().is_dir()
        yield Finding("store", "problem", str(error), look if is_folder and not error.outside else _ANOTHER)
        return
    said = f"{counted(len(report.records), 'image')} of {counted(len(report.runs), 'run')} in {address}"
    if report.problems:
        more = f"{said}; {report.problems[0]}"
        yield Finding("store", "problem", more, f"for all of it: {look}")
    else:
        yield Finding("store", "ok", said)


def _closed_folder(store: Store) -> str:
    """Why a store in a folder cannot be written to, or be made; empty where it can, and for others."""
    from imagegen_nb.core.atomic_files import DISK_FULL, NOT_ALLOWED
    from imagegen_nb.store.local import LocalStore

    if not isinstance(store, LocalStore):
        return ""
    nearest = next(one for one in (store.folder, *store.folder.parents) if one.exists())
    if not nearest.is_dir():
        return f"{nearest} is a file, where a folder is needed"
    if not os.access(nearest, os.W_OK | os.X_OK) or not store.paths.may_be_written:
        return NOT_ALLOWED
    return DISK_FULL if shutil.disk_usage(nearest).free < _LEAST_ROOM else ""


def _first_image() -> Iterator[Finding]:
    import tempfile

    from imagegen_nb.errors import ImagegenError
    from imagegen_nb.runs.workspace import Workspace
    from imagegen_nb.step.step import ImageGenerationStep

    step = ImageGenerationStep(prompt="A lamp", image_size="1024x640")
    with tempfile.TemporaryDirectory() as folder, Workspace(folder, backend="emulator") as workspace:
        try:
            run = step.run(workspace=workspace)
        except (ImagegenError, OSError) as error:
            yield Finding("first image", "problem", str(error))
        else:
            yield Finding("first image", "ok", f"{run.output.assets[0].file_name}, EMULATED")


def _version(package: str) -> str:
    """The version of an installed package; empty where there is none."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
