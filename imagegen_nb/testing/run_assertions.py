"""`assert_run`: one assertion for all that can be expected of a run, which lists every difference at once."""

from __future__ import annotations

from imagegen_nb.core import images
from imagegen_nb.core.html_repr import byte_size
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.keywords import did_you_mean, helpful_calls
from imagegen_nb.core.words import counted
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.runs.run import Run, Status
from imagegen_nb.step.output import Asset

_FORMATS = {media_type.removeprefix("image/"): media_type for media_type in images.EXTENSIONS}


@helpful_calls
def assert_run(
    run: Run,
    *,
    status: Status | None = None,
    count: int | None = None,
    size: str | None = None,
    format: str | None = None,  # noqa: A002 - the word of whoever writes the test
    alpha: bool | None = None,
    max_bytes: int | None = None,
    model: str | None = None,
    prompt: str | None = None,
    emulated: bool | None = None,
    error: type[ImagegenError] | None = None,
) -> None:
    """Fail with an `AssertionError` that lists every way in which `run` is not as expected.

    `status` is "failed" where an `error` class is expected and "done" otherwise; "partial" must be
    said. `count` is of images that came, `prompt` the one sent, variables filled in, `model` the one
    asked for. `size` ("1536x1024", pixels), `format` (png, jpeg, webp), `alpha` (an alpha channel)
    and `max_bytes` are read off each image's own bytes, which must be whole and as recorded.
    What is left out is not looked at. Raises `InvalidOption` for a run or format there is not.
    """
    __tracebackhide__ = True
    if not isinstance(run, Run):
        raise InvalidOption(f"run is of type {type(run).__name__}: pass what step.run(...) gave")
    if format is not None and format not in _FORMATS:
        raise InvalidOption(f"format = {format!r}: {did_you_mean(str(format), _FORMATS)}")
    expected = {
        "status": (status or ("failed" if error else "done"), run.status),
        "count": (count, run.returned),
        "model": (model, run.step.model),
        "prompt": (prompt, run.prompt),
        "emulated": (emulated, run.emulated),
    }
    differences = [
        _difference(name, wanted, actual) for name, (wanted, actual) in expected.items() if wanted is not None
    ]
    if error is not None and not isinstance(run.error, error):
        differences.append(f"error: expected {error.__name__}, got {_error(run)}")
    for index, asset in enumerate(run.output.assets):
        differences += [
            f"assets.{index} ({asset.file_name}) {difference}"
            for difference in _asset_differences(asset, size, format, alpha, max_bytes)
        ]
    if differences := list(filter(None, differences)):
        lines = "".join(f"\n  {line}" for line in [*differences, *_reasons(run)])
        number = counted(len(differences), "difference")
        raise AssertionError(f"{run.title}: {number}{lines}")


def _difference(name: str, wanted: object, actual: object) -> str:
    return "" if wanted == actual else f"{name}: expected {wanted!r}, got {actual!r}"


def _error(run: Run) -> str:
    return "none" if run.error is None else type(run.error).__name__


def _reasons(run: Run) -> list[str]:
    """Why images are missing, in the run's own words: mostly what the reader asks next."""
    errors = [run.error] if run.error else [short.error for short in run.shortfalls]
    return [f"(the run says: {error.summary()})" for error in errors]


def _asset_differences(
    asset: Asset, size: str | None, format_: str | None, alpha: bool | None, max_bytes: int | None
) -> list[str]:
    try:
        data = asset.bytes()
        image: CheckedImage = images.check(data)
    except ImagegenError as error:
        return [f"bytes: {error}"]
    wanted = {
        "size": (size, f"{image.width}x{image.height}"),
        "format": (format_, image.media_type.removeprefix("image/")),
        "alpha": (alpha, image.has_alpha),
    }
    differences = [
        _difference(name, want, actual) for name, (want, actual) in wanted.items() if want is not None
    ]
    if max_bytes is not None and len(data) > max_bytes:
        differences.append(
            f"max_bytes: expected at most {max_bytes:,}, got {len(data):,} ({byte_size(len(data))})"
        )
    # A record that is wrong about its own file misleads every later step.
    for name, actual in (("file_size", len(data)), ("file_type", image.media_type)):
        recorded = getattr(asset, name)
        if recorded != actual:
            differences.append(f"{name}: recorded as {recorded!r}, the bytes are {actual!r}")
    return list(filter(None, differences))
