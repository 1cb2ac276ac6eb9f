"""Row 1: what importing costs, whole processes from start to end."""

from __future__ import annotations

from benchmarks.cases import Aim, Case, Contender, Figure, Scale

_ONE_MODEL = "pydantic, one model"
_PROGRAMS = {
    "import": "import imagegen_nb",
    "step class": "from imagegen_nb import ImageGenerationStep",
    "step and workspace": (
        "import imagegen_nb as ig; ig.ImageGenerationStep(prompt='a fox'); ig.Workspace('assets')"
    ),
}


def cases(scale: Scale) -> list[Case]:
    """One case, so that all of them take turns."""
    ours = [Contender(name=name, role="ours", program=("-c", text)) for name, text in _PROGRAMS.items()]
    model = "from pydantic import BaseModel\nclass M(BaseModel):\n a: int\nM(a=1)"
    others = [
        Contender(name=_ONE_MODEL, role="floor", program=("-c", model)),
        Contender(name="bare interpreter", role="floor", program=("-c", "pass")),
        Contender(name="openai", role="peer", program=("-c", "import openai")),
        Contender(name="google-genai", role="peer", program=("-c", "from google import genai")),
        Contender(name="litellm", role="peer", program=("-c", "import litellm"), environment="peers"),
    ]
    aims = {"import": 0.2, "step class": 1.25, "step and workspace": 1.4}
    return [
        Case(
            row=1,
            name="imports",
            contenders=(*ours, *others),
            figures=tuple(
                Figure(
                    what=f"{name}, CPU",
                    metric="cpu_ms",
                    unit="ms",
                    ours=name,
                    base=_ONE_MODEL,
                    aims=(Aim(most, _ONE_MODEL),),
                )
                for name, most in aims.items()
            ),
            rounds=scale.pick(1, 9),
        )
    ]
