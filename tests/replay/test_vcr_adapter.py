"""vcrpy is really in the way: proven at the start, and again with each provider's own client."""

from __future__ import annotations

import subprocess
import sys

import httpx2
import pytest
import vcr
import vcr.stubs.httpx_stubs as stubs

from imagegen_nb import ImageGenerationStep, replay
from imagegen_nb.core import active_cassette
from imagegen_nb.errors import ReplayError
from imagegen_nb.providers import catalog
from imagegen_nb.providers.http.transport import GuardedTransport

STEP = ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
ORIGINAL = stubs._vcr_handle_async_request


def test_a_vcrpy_that_patches_nothing_is_an_error(monkeypatch):
    monkeypatch.setattr("vcr.patch.CassettePatcherBuilder._httpx2", lambda builder: iter(()))
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    message = (
        r"does not see the requests of httpx2 .*pip install -U 'imagegen-nb\[replay\] @ git\+https://git.exa"
    )
    with pytest.raises(ReplayError, match=message):
        replay.use("hero", "all").open()
    assert stubs._vcr_handle_async_request is ORIGINAL


def test_a_vcrpy_that_is_built_otherwise_is_an_error(monkeypatch):
    monkeypatch.delattr(stubs, "_vcr_handle_async_request")
    with pytest.raises(ReplayError, match="does not see the requests of httpx2"):
        replay.use("hero", "all").open()
    assert active_cassette._current is None


@pytest.mark.parametrize("version", ["8.1.1", "9.1.0"])
def test_a_vcrpy_that_is_too_old_is_an_error(version, monkeypatch):
    monkeypatch.setattr(vcr, "__version__", version)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    message = (
        rf"vcrpy {version} is too old .*pip install -U 'imagegen-nb\[replay\] @ git\+https://git\.example"
    )
    with pytest.raises(ReplayError, match=message):
        replay.use("hero", "all").open()


def test_a_missing_vcrpy_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vcr", None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    message = r"pip install 'imagegen-nb\[replay\] @ git\+https://git\.example/a\.git'"
    with pytest.raises(ReplayError, match=message):
        replay.use("hero", "all").open()


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
@pytest.mark.parametrize("provider", catalog.providers(), ids=lambda provider: provider.name)
def test_a_client_that_goes_around_the_patch_is_found_before_anything_is_sent(
    provider, lamp, live, emulator, monkeypatch
):
    """As it would be were an SDK to bring a transport of its own."""
    sent = []

    class Bypass(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            sent.append(request.url.host)
            return httpx2.Response(400, json={})

    class Unpatched(GuardedTransport):
        def __init__(self, provider, connection):
            super().__init__(provider, connection)
            self.inner = Bypass()

    monkeypatch.setattr("imagegen_nb.providers.http.client.GuardedTransport", Unpatched)
    with (
        replay.use("lamp"),
        pytest.raises(ReplayError, match=f"requests to {provider.label} do not pass the cassette"),
    ):
        ImageGenerationStep(model=provider.models[0].name, prompt="a lamp").run(workspace=live)
    assert set(sent) == {"127.0.0.1"}
    assert emulator.count() == 0


def test_the_check_is_made_once_a_provider(lamp, live, monkeypatch):
    checked = []
    provider = STEP.entry.provider
    generate = type(provider).generate

    def counted(self, request, connection):
        checked.append(request.prompt)
        return generate(self, request, connection)

    monkeypatch.setattr(type(provider), "generate", counted)
    with replay.use("lamp"):
        for _ in range(3):
            STEP.run(workspace=live)
    assert checked == ["self-check", *["a lamp"] * 3]


@pytest.mark.notebooks
def test_an_ordinary_run_never_loads_vcrpy(emulator, tmp_path):
    program = (
        "import sys, imagegen_nb as ig\n"
        f"run = ig.ImageGenerationStep(prompt='x').run(workspace=ig.Workspace({str(tmp_path)!r}, "
        f"backend={emulator.url!r}))\n"
        "print(run.status, [name for name in ('vcr', 'yaml', 'imagegen_nb.replay') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "done []\n", done.stderr
