"""A real Jupyter server and a real browser, for tests of notebooks.

The fixture `open_notebook(cells)` gives Playwright's page of a new notebook, in JupyterLab or in Notebook 7;
the functions here do with a page what several tests need. A test fails when it ends if there was an error on
one of its pages, or a request that left this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import BrowserContext, Error, Locator, Page, Request, expect

from support import forked_kernels
from support.environment import own_environment

Host = Literal["lab", "notebook"]
"""Which application shows a notebook: JupyterLab or Notebook 7."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
WAIT = 30.0
"""Seconds for anything that happens in a page; two busy cores stretch everything."""
expect.set_options(timeout=WAIT * 1000)  # a context's own timeout does not reach it
SCREENSHOTS = Path(
    os.environ.get("IMAGEGEN_NB_SCREENSHOTS") or Path(tempfile.gettempdir()) / "imagegen-nb-screenshots"
)
AXE = Path(__file__).parents[1] / "browser" / "vendor" / "axe.min.js"
_kernels = os.environ.get("IMAGEGEN_NB_KERNELS")
KERNELS = sorted(Path(_kernels).resolve().iterdir()) if _kernels else []
"""Folders with other versions of ipykernel, installed there with `pip install --no-deps --target`."""
FORKED = "forked"
# Each page of JupyterLab has a workspace of its own: one that finds its workspace open elsewhere loads twice.
_PAGES = {"lab": "lab/workspaces/{workspace}/tree/{file}?reset", "notebook": "notebooks/{file}"}
# Errors of Notebook 7's own script, which a page without widgets has too. The first is a race of its settings
# (https://github.com/jupyter/notebook/issues/7862); the second comes once JupyterLab was opened on the same
# server, whose handler leaves its `treePath` in the page settings that both applications share.
_NOTEBOOK_ERRORS = {
    "Cannot read properties of undefined (reading 'schema')",
    "Command 'filebrowser:open-path' not registered.",
}
_NOTEBOOK_SCRIPT = "/static/notebook/notebook_core."
# JupyterLab asks each kernel for a thread of its own for widgets, and does not catch that one dies meanwhile.
_KERNEL_DIED = "Canceled future for create_subshell_request message before replies were done"
_LOCAL_HOSTS = ("127.0.0.1", "localhost")

# What no notebook here needs and the rest does without: less to load for each page.
_DISABLED = (
    "audio", "celltags", "csvviewer", "debugger", "extensionmanager", "fileeditor", "htmlviewer", "hub",
    "imageviewer", "inspector", "launcher", "logconsole", "markdownviewer", "mermaid", "pluginmanager",
    "running", "settingeditor", "tooltip", "video", "workspaces",
)  # fmt: skip

_WAS_RELOADED = "() => performance.getEntriesByType('navigation')[0]?.type === 'reload'"

# The kernel indicator says "idle" before there is a kernel, and cells run then are silently dropped.
# A server that restarts a kernel may lose what asks for it, and then this would wait for ever.
_READY = """async () => {
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const { sessionContext } = jupyterapp.shell.currentWidget.context;
  let awaited = "a session";
  const ready = async () => {
    await sessionContext.ready;
    awaited = "what the kernel is";
    await sessionContext.session.kernel.info;
    awaited = "a connected, idle kernel";
    const { kernel } = sessionContext.session;
    while (kernel.connectionStatus !== "connected" || kernel.status !== "idle") await sleep(50);
  };
  const late = sleep(120_000).then(() => {
    const { status, connectionStatus } = sessionContext.session?.kernel ?? {};
    throw new Error(`no kernel within two minutes: no ${awaited}; it is ${status}, ${connectionStatus}`);
  });
  await Promise.race([ready(), late]);
}"""
_RUN_ALL_UNTIL = """async (selector) => {
  const began = performance.now();
  void jupyterapp.commands.execute("notebook:run-all-cells");
  const usable = `${selector}:not(:disabled, [aria-disabled="true"])`;
  while (!document.querySelector(usable)?.checkVisibility()) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
_BOXES = """(nodes) => nodes.map((node) => {
  if (!node.getClientRects().length) throw new Error(`not shown: ${node.outerHTML.slice(0, 200)}`);
  return node.getBoundingClientRect().toJSON();
})"""
# Whether JupyterLab is now as it was before a notebook was opened. It is left alone where it asks
# something, or still looks for a kernel: that ends with an error in a notebook that is gone.
_CLOSE_ALL = """() => {
  const widgets = [...jupyterapp.shell.widgets("main")];
  const looking = widgets.some(({ context }) => context && !context.sessionContext.isReady);
  if (looking || document.querySelector(".jp-Dialog")) return false;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const widget of widgets) widget.dispose();
  return true;
}"""
_DRESS = """async (theme) => {
  await jupyterapp.commands.execute('apputils:change-theme', { theme });
}"""
# After a cell has failed, a kernel aborts requests that were waiting: so ask again.
_EXECUTE = """async (code) => {
  const kernel = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
  let printed = "";
  let reply;
  do {
    const future = kernel.requestExecute({ code, store_history: false });
    future.onIOPub = ({ header, content }) => {
      if (header.msg_type === "stream") printed += content.text;
    };
    reply = await future.done;
  } while (reply.content.status === "aborted");
  const { status, ename, evalue } = reply.content;
  if (status === "error") throw new Error(`${code} raised ${ename}: ${evalue}`);
  return printed;
}"""


# JupyterLab's body has no height of its own, and axe takes what lies outside of it for out of sight.
_AXE = """async ([selector, rules]) => {
  const { style } = document.body;
  style.minHeight = "100vh";
  const runOnly = rules.length ? { runOnly: rules } : {};
  try {
    const resultTypes = ["violations", "incomplete", "passes"];
    return await axe.run(selector, { resultTypes, preload: false, ...runOnly });
  } finally {
    style.minHeight = "";
  }
}"""
_NOT_SEEN = {
    "elmPartiallyObscured",
    "elmPartiallyObscuring",
    "outsideViewport",
    "bgImage",
    "bgGradient",
    "imgNode",
    "shortTextContent",
    "nonBmp",
}


class _Look(NamedTuple):
    """What a page is loaded with, and keeps."""

    host: Host
    save_state: bool


class Examined(NamedTuple):
    """What axe-core finds: a line for each violation, and the contrast of every text, the lowest first."""

    wrong: list[str]
    contrasts: list[float]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Lab:
    """A running Jupyter server in a folder of its own, and the settings its pages start with.

    Its pages are JupyterLab's and Notebook 7's; its kernels are the installed one, started as ever
    (`python3`) or in a moment (`FORKED`), and `KERNELS`.
    """

    folder: Path
    url: str = ""
    process: subprocess.Popen[bytes] | None = None
    forks: subprocess.Popen[bytes] | None = None

    @property
    def notebooks(self) -> Path:
        """The folder that the server shows."""
        return self.folder / "notebooks"

    def start(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.notebooks.mkdir(parents=True)
        self._add_forked_kernel()
        for kernel in KERNELS:
            self._add_kernel(kernel)
        # Each page would ask whether JupyterLab has to be built anew, which takes the server a second.
        page_config = self.folder / "jupyter_config_dir" / "labconfig" / "page_config.json"
        page_config.parent.mkdir(parents=True)
        disabled = dict.fromkeys((f"@jupyterlab/{name}-extension" for name in _DISABLED), True)
        page_config.write_text(json.dumps({"buildCheck": False, "disabledExtensions": disabled}))
        self.settings("@jupyterlab/apputils-extension/notification", fetchNews="false", checkForUpdates=False)
        self.settings("@jupyterlab/notebook-extension/tracker", windowingMode="none")
        self.settings("@jupyterlab/docmanager-extension/plugin", autosave=False)
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
        command += [
            f"--ServerApp.root_dir={self.notebooks}",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]
        command += ["--LabApp.extension_manager=readonly", "--ServerApp.terminals_enabled=False"]
        command += ["--LanguageServerManager.autodetect=False"]
        command += [
            "--ServerApp.disable_check_xsrf=True"
        ]  # or it refuses to end kernels when asked from here
        with (self.folder / "lab.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment())
        deadline = time.monotonic() + 2 * WAIT
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"JupyterLab did not start:\n{(self.folder / 'lab.log').read_text()[-3000:]}"
                )
            time.sleep(0.1)

    def settings(self, plugin: str, **values: Any) -> None:
        """Write a plugin's settings, as if the user had chosen them."""
        file = self.folder / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def _add_kernel(self, kernel: Path) -> None:
        """Let notebooks choose the ipykernel in this folder; the kernel has the folder's name."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self._write_kernel(kernel.name, command, {"PYTHONPATH": str(kernel)})

    def _add_forked_kernel(self) -> None:
        """Let notebooks choose one that starts in a moment."""
        address = str(self.folder / "forks")
        with (self.folder / "lab.log").open("ab") as log:
            self.forks = forked_kernels.start(address, stdout=log, stderr=log, env=self._environment())
        self._write_kernel(FORKED, forked_kernels.command(address), {})

    def _write_kernel(self, name: str, command: list[str], env: dict[str, str]) -> None:
        spec = {"argv": command, "display_name": name, "language": "python", "env": env}
        file = self.folder / "jupyter_data_dir" / "kernels" / name / "kernel.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(spec))

    def stop(self) -> None:
        if self.process is None:
            return
        # A kernel that is still starting answers with an error, and makes SIGTERM hang.
        with contextlib.suppress(OSError, ValueError):
            for kernel in json.loads(self._ask("/api/kernels")):
                with contextlib.suppress(OSError):
                    self._ask(f"/api/kernels/{kernel['id']}", method="DELETE")
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.forks is not None:
            self.forks.terminate()
            self.forks.wait()

    def _environment(self) -> dict[str, str]:
        """The environment without the keys, proxies and Jupyter settings of whoever runs the tests."""
        env = own_environment(without="^jupyter")
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            env[name] = str(self.folder / name.lower())
        env["JUPYTERLAB_SETTINGS_DIR"] = str(self.folder / "settings")
        env["JUPYTERLAB_WORKSPACES_DIR"] = str(self.folder / "workspaces")
        return env

    def _answers(self) -> bool:
        try:
            self._ask("/api")
        except OSError:
            return False
        return True

    def _ask(self, path: str, method: str = "GET") -> bytes:
        with urllib.request.urlopen(
            urllib.request.Request(self.url + path, method=method), timeout=5
        ) as response:
            return response.read()


def run_all(page: Page) -> None:
    """Run every cell and wait until they are done."""
    page.evaluate(_READY)
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")


def run_all_until(page: Page, selector: str) -> float:
    """Run every cell, and give the milliseconds until an element that matches is there and enabled."""
    page.evaluate(_READY)
    return page.evaluate(_RUN_ALL_UNTIL, selector)


def run_cell(page: Page, index: int) -> None:
    """Run one cell (from 0) and wait until it is done."""
    page.evaluate(_READY)
    page.evaluate(
        "async (index) => { const notebook = jupyterapp.shell.currentWidget.content;"
        " notebook.activeCellIndex = index; notebook.deselectAll();"
        " await jupyterapp.commands.execute('notebook:run-cell'); }",
        index,
    )


def start_cell(page: Page, index: int) -> None:
    """Run one cell (from 0) and do not wait for its end, only until its first output is there."""
    page.evaluate(_READY)
    page.evaluate(
        "async (index) => { const notebook = jupyterapp.shell.currentWidget.content;"
        " notebook.activeCellIndex = index; notebook.deselectAll();"
        " await jupyterapp.commands.execute('notebook:clear-cell-output');"
        " void jupyterapp.commands.execute('notebook:run-cell'); }",
        index,
    )
    page.locator(".jp-Notebook .jp-CodeCell").nth(index).locator(".jp-OutputArea-output").first.wait_for()


def interrupt(page: Page) -> None:
    """Press the stop button of the notebook's toolbar."""
    page.evaluate("() => jupyterapp.commands.execute('notebook:interrupt-kernel')")


def execute(page: Page, code: str) -> str:
    """Run code in the notebook's kernel, beside the cells, and give what it printed. What it raises fails."""
    return page.evaluate(_EXECUTE, code).strip()


def save(page: Page) -> None:
    """Save the notebook and wait until it is."""
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")


def cell_count(page: Page) -> int:
    """How many cells the notebook has now."""
    return page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.length")


def dress(page: Page, *, dark: bool) -> None:
    """Give the page JupyterLab's light or dark theme."""
    page.evaluate(_DRESS, _theme(dark=dark))
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{str(not dark).lower()}'")
    page.locator("#jupyterlab-splash").wait_for(state="detached")  # it lies over all while the theme loads


def _theme(*, dark: bool) -> str:
    return f"JupyterLab {'Dark' if dark else 'Light'}"


def screenshot(page: Page, name: str, selector: str | None = None) -> Path:
    """Save a screenshot to look at, of the page or of the first element that matches."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    (page.locator(selector).first if selector else page).screenshot(path=path, animations="disabled")
    return path


def settled(page: Page, selector: str) -> None:
    """Wait until the first element that matches stays where it is: a click while the layout moves misses."""
    page.locator(selector).first.evaluate(
        """async (node) => {
          const frame = () => new Promise(requestAnimationFrame);
          const place = () => JSON.stringify(node.getBoundingClientRect());
          for (let last = "", still = 0; still < 10; await frame()) {
            const now = place();
            still = now === last ? still + 1 : 0;
            last = now;
          }
        }"""
    )


def boxes(*parts: Locator) -> list[dict[str, float]]:
    """Where elements are, all at one moment: between two measurements the notebook may have scrolled.

    One that is hidden, or was drawn anew meanwhile, has no place, and is an error.
    """
    return parts[0].page.evaluate(_BOXES, [part.element_handle() for part in parts])


def clipboard(page: Page) -> str:
    """The text that was copied last."""
    return page.evaluate("() => navigator.clipboard.readText()")


def axe(page: Page, selector: str) -> list[str]:
    """What axe-core finds wrong inside `selector`: a line for each violation."""
    return examine(page, selector).wrong


def examine(page: Page, selector: str, *rules: str) -> Examined:
    """What axe-core finds inside `selector`, by all its rules or by these, and contrasts of texts."""
    if not page.evaluate("() => 'axe' in window"):
        # Evaluated, not added as a script element: a loader on the page would take it for a module.
        page.evaluate(AXE.read_text(encoding="utf-8"))
    results = page.evaluate(_AXE, [selector, rules])
    assert results["passes"], f"axe saw nothing in {selector}"
    unsure = [result for result in results["incomplete"] if result["id"] == "color-contrast"]
    wrong = [
        f"{result['id']} ({result['impact']}): {node['html'][:200]} {node['failureSummary'][:300]}"
        for result in [*results["violations"], *unsure]
        for node in result["nodes"]
        if not _cannot_be_read(node)
    ]
    contrasts = [
        check["data"]["contrastRatio"]
        for result in results["passes"] + results["violations"]
        if result["id"] == "color-contrast"
        for node in result["nodes"]
        for check in node["any"]
        if isinstance(check.get("data"), dict) and check["data"].get("contrastRatio")
    ]
    return Examined(wrong, sorted(contrasts))


def _cannot_be_read(node: dict[str, Any]) -> bool:
    """Whether axe is not sure of a contrast for a reason that is no flaw: the text is out of sight, or on a
    picture or a gradient that it cannot take the colour of."""
    told = [check["data"] for check in [*node["any"], *node["none"]] if isinstance(check.get("data"), dict)]
    out_of_sight = any("exceeds the grid bounds" in data.get("message", "") for data in told)
    return out_of_sight or any(data.get("messageKey") in _NOT_SEEN for data in told)


@dataclass
class Opener:
    """Opens notebooks in one context of a browser, and collects errors and foreign requests.

    A page of JupyterLab is kept when a test ends: loading it takes several times longer than opening one more
    notebook in it, which is also what users do. Each notebook has a kernel of its own, and each test a
    folder: a store or an export of an earlier one would be found by the next.
    """

    lab: Lab
    context: BrowserContext
    failures: list[str] = field(default_factory=list)
    count: int = 0
    _folder: Path | None = None
    _used: dict[Page, _Look] = field(default_factory=dict)
    _kept: dict[_Look, Page] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(WAIT * 1000)
        self.context.on("request", self._on_request)

    @property
    def folder(self) -> Path:
        """The notebooks of the test that runs, and what their kernels write: these start here."""
        if self._folder is None:
            self._folder = self.lab.notebooks / f"{time.monotonic_ns()}"
            self._folder.mkdir()
        return self._folder

    def open_notebook(
        self,
        cells: Sequence[str],
        *,
        host: Host = "lab",
        kernel: str = FORKED,
        dark: bool = False,
        size: tuple[int, int] = (1280, 900),
        side_bar: bool = True,
        save_state: bool = False,
    ) -> Page:
        """A new notebook of code `cells`, open in a page of its own."""
        self.count += 1
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": kernel, "display_name": kernel, "language": "python"}
        file = self.folder / f"{time.monotonic_ns()}-{self.count}.ipynb"
        nbformat.write(notebook, file)
        return self.open_file(file, host=host, dark=dark, size=size, side_bar=side_bar, save_state=save_state)

    def open_file(
        self,
        file: Path,
        *,
        host: Host = "lab",
        dark: bool = False,
        size: tuple[int, int] = (1280, 900),
        side_bar: bool = True,
        save_state: bool = False,
    ) -> Page:
        """A notebook that lies in the test's `folder`, open in a page that shows nothing else.

        JupyterLab's side bar takes 250 px of the width, whatever an earlier test left of it.
        """
        look = _Look(host, save_state)
        path = file.relative_to(self.lab.notebooks).as_posix()
        kept = self._kept.pop(look, None)
        page = kept or self.context.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        if kept:
            # In braces, because Playwright would send the whole widget that the command gives.
            page.evaluate(
                "async (path) => { await jupyterapp.commands.execute('docmanager:open', { path }); }",
                path,
            )
        else:
            # Pages that changed theirs have left it in the settings, which Notebook 7 takes as they are.
            self.lab.settings("@jupyterlab/apputils-extension/themes", theme=_theme(dark=dark))
            self.lab.settings("@jupyter-widgets/jupyterlab-manager/plugin", saveState=save_state)
            page.on("pageerror", self._on_page_error)
            address = _PAGES[host].format(file=path, workspace=f"page-{time.monotonic_ns()}")
            page.goto(f"{self.lab.url}/{address}")
        self._used[page] = look
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        page.wait_for_function("() => Boolean(globalThis.jupyterapp?.shell.currentWidget?.context?.isReady)")
        if host == "lab":
            dress(page, dark=dark)
            page.evaluate(f"() => jupyterapp.shell.{'expand' if side_bar else 'collapse'}Left()")
        return page

    def _on_page_error(self, error: Error) -> None:
        of_notebook = error.message in _NOTEBOOK_ERRORS and _NOTEBOOK_SCRIPT in (error.stack or "")
        if not of_notebook and _KERNEL_DIED not in error.message:
            self.failures.append(f"page error: {error}\n{error.stack}")

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in _LOCAL_HOSTS:
            self.failures.append(f"a request left this machine: {request.url}")

    def close(self, page: Page) -> None:
        """Close the notebook; its kernel goes on until the test ends."""
        look = self._used.pop(page)
        # Notebook 7 shows one notebook a page. A page that was reloaded may restore its layout at any time.
        may_keep = look.host == "lab" and look not in self._kept and not page.evaluate(_WAS_RELOADED)
        if may_keep and page.evaluate(_CLOSE_ALL):
            self._kept[look] = page
        else:
            page.close()

    def finish(self) -> None:
        """Close the notebooks, end their kernels, and fail on collected failures."""
        for page in list(self._used):
            self.close(page)
        with contextlib.suppress(OSError, ValueError):
            for session in json.loads(self.lab._ask("/api/sessions")):
                with contextlib.suppress(OSError):
                    self.lab._ask(f"/api/sessions/{session['id']}", method="DELETE")
        self._folder = None
        failures, self.failures = self.failures, []
        assert failures == [], "\n".join(failures)


OpenNotebook = Callable[..., Page]
