"""The exceptions of the toolkit; everything it raises on purpose stands in this tree.

ImagegenError
├── InvalidStep            settings that break a rule; `.problems` lists every one
├── InvalidOption          an argument of a call (not a setting) that cannot be used
├── InvalidSweep           cells of a sweep that cannot be run; `.skipped` lists each with its reasons
├── VariableError          a prompt's variables cannot be filled; nothing was spent
├── DefinitionError        a step file that cannot be read or written; `.place` says where
│   └── SecretFound        writing was refused because the text holds something like a key
├── MissingCredential      no key for the provider; `.variable` names where to put it
├── StepFailed             a run failed under "terminate"; `.run` and `.error` tell how
├── StoreError             the store cannot do what was asked
│   ├── StorageLimitReached
│   ├── CellTaken          another process runs this cell of a sweep, or has run it
│   └── AssetNotFound
├── BudgetExceeded         a run that could pass a budget, or whose cost has no upper bound; nothing was sent
├── ImageRejected          bytes that are not an acceptable image
├── ReplayError            a cassette that cannot be used, read or written
│   └── RecordingMissing       it does not hold a call; nothing was sent
└── ProviderError          a provider call that gave no image, or no answer
    ├── AuthenticationFailed   the key was refused
    ├── QuotaExhausted         no money or quota left; trying again does not help
    ├── RateLimited            too many requests; `.retry_after` in seconds when known
    ├── ModerationBlocked      prompt or picture refused for what they show
    ├── ModelRetired           the provider no longer serves the model
    ├── BadRequest             the provider refused the request, or has nothing at its address
    ├── ProviderFault          the provider, the connection, or what stands between failed
    ├── ProviderTimeout        no response within the deadline; charge unknown once the request was sent
    └── InvalidResponse        a response that is not what the provider documents

Built fresh from plain, redacted text, none keeps an SDK's exception, a request or a header: no key is in any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

Charge = Literal["none", "unknown", "charged"]
"""What a failed call cost: nothing, something or nothing, or surely something."""
ChargeTold = Literal["none", "unknown", "charged", "emulated"]
"""The same in tables, where an emulated run must not look as if money had been spent."""


class ImagegenError(Exception):
    """Base of every error this package raises on purpose.

    Keys in its text are masked: a value that it repeats may be one, given in the wrong place.
    """

    kind = "error"

    def __init__(self, *args: Any) -> None:
        super().__init__(*(_masked(arg) if isinstance(arg, str) else arg for arg in args))

    def summary(self) -> str:
        """The error as it is shown in a notebook's output."""
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _masked(text: str) -> str:
    from imagegen_nb.core.redaction import mask  # what every error needs is imported with the first

    return mask(text)


def _restore(kind: type[ImagegenError], args: tuple[Any, ...], state: dict[str, Any]) -> ImagegenError:
    """An unpickled error, without asking its constructor for what it takes."""
    error = kind.__new__(kind, *args)
    error.args, error.__dict__ = args, state
    return error


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: the field, its value, the model (empty when that is what is wrong), what is
    wrong and what to do. A `not-applicable` value would be fine beside another model or format."""

    field: str
    value: object
    model: str
    message: str
    remedy: str
    code: Literal["invalid", "not-applicable", "unknown-field"] = "invalid"

    def __str__(self) -> str:
        shown = "" if self.value is None else _masked(f" = {self.value!r}")  # before it is cut
        shown = shown if len(shown) <= 63 else f"{shown[:62]}…"  # so that an error stays readable
        return f"{self.field}{shown}{self.model and f' ({self.model})'}: {self.message}. {self.remedy}"


class InvalidStep(ImagegenError):
    """Settings that break one or more rules; nothing was created or spent."""

    kind = "invalid_step"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return _masked(str(self.problems[0]))
        lines = "\n".join(f"  {n}. {problem}" for n, problem in enumerate(self.problems, 1))
        return _masked(f"{len(self.problems)} problems:\n{lines}")


class InvalidOption(ImagegenError):
    """An argument that cannot be used as given; the message names it and the remedy."""

    kind = "invalid_option"


class InvalidSweep(ImagegenError):
    """Combinations of a sweep that no run can have; nothing was sent. `skipped` holds each with its
    reasons."""

    kind = "invalid_sweep"

    def __init__(self, message: str, skipped: tuple[Any, ...] = ()) -> None:
        self.skipped = skipped
        super().__init__(message)


class VariableError(ImagegenError):
    """A prompt whose `{{variables}}` cannot be filled; nothing was spent.

    `missing` are the paths that lead nowhere, `not_given` those of them of whose input there is no trace, and
    `remedy` says in Python how it is given: a command line says it otherwise (`told`).
    """

    kind = "variables"

    def __init__(
        self,
        message: str,
        *,
        missing: tuple[str, ...] = (),
        not_given: tuple[str, ...] = (),
        remedy: str = "",
    ) -> None:
        self.missing = missing
        self.not_given = not_given
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        return self.told(self.remedy)

    def told(self, remedy: str) -> str:
        """The error with this remedy in place of its own."""
        message = str(self.args[0])
        between = "\n  " if "\n" in message else ". "
        return f"{message}{between}{remedy}" if remedy else message


class DefinitionError(ImagegenError):
    """A step file that cannot be read or written; `place` is the path inside the document."""

    kind = "definition"

    def __init__(self, message: str, *, place: str = "") -> None:
        self.place = place
        super().__init__(f"{place}: {message}" if place else message)


class SecretFound(DefinitionError):
    """Writing was refused: the text holds a key, or something shaped like one."""

    kind = "secret"


class MissingCredential(ImagegenError):
    """No usable key was found for a provider; `variable` is the environment variable to set, `fault` says in
    short what is wrong with it, `can_be_emulated` whether there is a way without one, and `what` what it is
    where it is no provider's key."""

    kind = "missing_credential"

    def __init__(
        self, message: str, *, variable: str, fault: str = "", can_be_emulated: bool = True, what: str = ""
    ) -> None:
        self.variable = variable
        self.what = what
        self.fault = fault or f"{variable} is not set"
        self.can_be_emulated = can_be_emulated
        super().__init__(message)


class StoreError(ImagegenError):
    """The store could not read or write what was asked."""

    kind = "store"
    out_of_files = False
    """Whether it failed only because no further file could be opened: it may succeed a moment later."""
    outside = False
    """Whether the store may be as it should be: the disk is full, this user may not, or no file can be
    opened. To build anything again does not help."""


class StorageLimitReached(StoreError):
    """Stored bytes are at or past the limit; no provider was called."""

    kind = "storage_limit"


class CellTaken(StoreError):
    """A run for the same cell of a sweep, and the same attempt, stands in the ledger already; nothing was
    sent."""

    kind = "cell_taken"


class AssetNotFound(StoreError):
    """The store holds no asset, or no bytes, for the id."""

    kind = "asset_not_found"


class BudgetExceeded(ImagegenError):
    """A run could cost more than a budget leaves, or its cost has no upper bound; no provider was called.

    `for_now` says that only what is reserved for runs under way stands in the way: mostly they cost less.
    """

    kind = "budget"
    for_now: bool = False


class ImageRejected(ImagegenError):
    """Bytes that are not a complete PNG, JPEG or WebP within the bounds."""

    kind = "image_rejected"


class ReplayError(ImagegenError):
    """A cassette that cannot be used, read or written; always raised, whatever a step's `on_failure` says."""

    kind = "replay"


class RecordingMissing(ReplayError):
    """A call that the cassette in use does not hold. Nothing was sent."""

    kind = "recording_missing"


class ProviderError(ImagegenError):
    """A provider call that gave no image, or no answer to a question about one.

    Attributes: `provider` name, HTTP `status` (None when no answer came), the provider's own
    error `code`, its `request_id`, and `charge` — whether the call may have cost money.
    """

    kind = "provider"

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        charge: Charge = "none",
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.provider = provider
        self.status = status
        self.code = code
        self.request_id = request_id
        self.charge = charge
        self.retry_after = retry_after
        super().__init__(message)

    def __str__(self) -> str:
        return self._told(f"request {self.request_id}" if self.request_id else "")

    def summary(self) -> str:
        """The error in one line that is the same for equal failures: without the request id."""
        return self._told("")

    def _told(self, request: str) -> str:
        facts = [
            f"HTTP {self.status}" if self.status else "",
            f"code {self.code}" if self.code else "",
            request,
            {"none": "", "unknown": "charge unknown", "charged": "charged"}[self.charge],
        ]
        tail = ", ".join(fact for fact in facts if fact)
        return f"{self.provider or 'provider'}: {self.message}" + (f" [{tail}]" if tail else "")

    def saying(self, message: str) -> Self:
        """The same error with another message."""
        return type(self)(**{**self.__dict__, "message": message})


class AuthenticationFailed(ProviderError):
    """The provider refused the key, or the key may not use the model."""

    kind = "authentication"


class QuotaExhausted(ProviderError):
    """No credit, budget or quota is left; the same call cannot succeed until that changes."""

    kind = "quota"


class RateLimited(ProviderError):
    """Too many requests; `retry_after` is the provider's own hint in seconds, when it gave one."""

    kind = "rate_limit"


class ModerationBlocked(ProviderError):
    """The prompt, or what was made from it, was refused for what it shows; unchanged it will be again."""

    kind = "moderation"


class ModelRetired(ProviderError):
    """The provider does not serve the model (any more); the message names the successor."""

    kind = "model_retired"


class BadRequest(ProviderError):
    """The provider refused the request as malformed or unsupported, or has nothing at the address asked."""

    kind = "bad_request"


class ProviderFault(ProviderError):
    """The provider failed, or the connection to it did, or something on the way refused the request."""

    kind = "provider_fault"


class ProviderTimeout(ProviderError):
    """No complete response within the deadline; once the request was sent, it may have been charged."""

    kind = "timeout"


class InvalidResponse(ProviderError):
    """A response that is not what the provider documents: no image in it can be trusted."""

    kind = "invalid_response"


class StepFailed(ImagegenError):
    """A run failed and the step says to terminate.

    `run` is the whole run (its output has `error` and whatever images did arrive), `error` the
    toolkit's own exception that ended it.
    """

    kind = "step_failed"

    def __init__(self, run: Any, error: ImagegenError) -> None:
        self.run = run
        self.error = error
        super().__init__(run, error)

    def __str__(self) -> str:
        return str(self.error)


class ModelLifecycleWarning(UserWarning):
    """A model in use is restricted, deprecated, redirected or retired at its provider."""


class BudgetWarning(UserWarning):
    """A sweep that may cost more than a budget leaves, said before its first call."""


class DefinitionWarning(UserWarning):
    """Something in a step file was migrated, dropped or will not work elsewhere."""
