"""What a failed run says to people: what happened, what to do, and the details for who wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagegen_nb.core.types import MissingImages
from imagegen_nb.core.variables import how_many
from imagegen_nb.core.words import counted, sentence
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    ImagegenError,
    InvalidOption,
    InvalidResponse,
    MissingCredential,
    ModelRetired,
    ModerationBlocked,
    ProviderError,
    ProviderFault,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    ReplayError,
    StepFailed,
    StorageLimitReached,
    StoreError,
    VariableError,
)
from imagegen_nb.providers import catalog

_CHARGES = {
    "none": "Nothing was charged.",
    "unknown": "Whether it is charged is unknown: your account at the provider shows it.",
    "charged": "It was charged.",
}


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An error in plain words. `what` happened is one sentence, `remedy` says what to do, `details` are lines
    with what a provider's support asks for."""

    what: str
    remedy: str
    details: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: BaseException, *, synthetic: bool = False) -> ErrorText:
        """The text for any error. Of a `synthetic` backend, which charges nobody, no charge is told."""
        if isinstance(error, StepFailed):
            error = error.error
        if isinstance(error, ProviderError):
            what, remedy = _provider_text(error)
            charge = "" if synthetic else f" {_CHARGES[error.charge]}"
            return cls(what, f"{remedy}{charge}", _details(error))
        if isinstance(error, StorageLimitReached):
            return cls("The store is full.", sentence(str(error)))
        if isinstance(error, MissingCredential):
            ways_on = str(error).partition(". ")[2]
            return cls(f"There is no key: {error.fault}.", sentence(ways_on or str(error)))
        if isinstance(error, StoreError):
            what, remedy = "The store could not be read or written.", "Correct that, then try again."
            return cls(f"{what} {sentence(str(error))}", remedy)
        if isinstance(error, ReplayError):
            return cls("The cassette in use has no answer for this run.", sentence(str(error)))
        if isinstance(error, VariableError) and error.not_given:
            return cls("The step cannot be run.", sentence(error.told(how_many(error.not_given))))
        if isinstance(error, ImagegenError):
            what = (
                "The step cannot be run."
                if isinstance(error, VariableError | InvalidOption)
                else "The run failed."
            )
            return cls(what, sentence(str(error)))
        # Of a plug-in or a defect: its words are all there is.
        return cls("The run failed unexpectedly.", sentence(f"{type(error).__name__}: {error}".rstrip(": ")))

    @classmethod
    def of_missing(cls, shortfalls: Sequence[MissingImages], *, synthetic: bool = False) -> ErrorText:
        """The text for images that did not come while others did; what is the same is told once."""
        count = sum(short.count for short in shortfalls)
        texts = [cls.of(short.error, synthetic=synthetic) for short in shortfalls]
        reasons = dict.fromkeys(text.line() for text in texts)
        details = dict.fromkeys(line for text in texts for line in text.details)
        what = f"{counted(count, 'image')} {'is' if count == 1 else 'are'} missing."
        return cls(what, " ".join(reasons), tuple(details))

    def line(self) -> str:
        """What happened and what to do, in one line."""
        return f"{self.what} {self.remedy}".strip()


def _provider_text(error: ProviderError) -> tuple[str, str]:
    """What happened at the provider, and what to do about it."""
    name, said = _label(error.provider), sentence(error.message)
    if isinstance(error, AuthenticationFailed):
        variable = _key_variable(error.provider)
        return f"{name} refused the key.", f"Check {variable}, and that the key may use this model. {said}"
    if isinstance(error, QuotaExhausted):
        return (
            f"The account at {name} has no credit or quota left.",
            f"Trying again does not help until that changes: add credit there, or raise the limit. {said}",
        )
    if isinstance(error, RateLimited):
        wait = f"Wait {error.retry_after:g} seconds" if error.retry_after else "Wait a minute"
        return f"{name} received too many requests in a short time.", f"{wait}, then try again. {said}"
    if isinstance(error, ModerationBlocked):
        return (
            f"The prompt, or what was made from it, was rejected by the safety system of {name}.",
            "Change the prompt: unchanged, it will be rejected again.",
        )
    if isinstance(error, ModelRetired):
        return f"{name} does not serve this model.", said
    if isinstance(error, BadRequest):
        return f"{name} refused the request: {said}", "Change the setting that it names, then run again."
    if isinstance(error, ProviderTimeout):
        return f"{name} did not answer in time.", f"Try again. {said}"
    if isinstance(error, InvalidResponse):
        return (
            f"The response from {name} is incomplete or not valid: {said}",
            "Try again; the response may differ.",
        )
    if isinstance(error, ProviderFault):
        return f"{name} could not be reached, or failed: {said}", "Try again in a while."
    return f"{name} gave no image: {said}", "Try again in a while."


def _details(error: ProviderError) -> tuple[str, ...]:
    facts = {
        "kind": error.kind,
        "provider": error.provider,
        "HTTP status": error.status,
        "code": error.code,
        "request id": error.request_id,
        "message": error.message,
    }
    return tuple(f"{name}: {value}" for name, value in facts.items() if value not in (None, ""))


def _label(provider: str) -> str:
    return next(
        (known.label for known in catalog.providers() if known.name == provider), provider or "The provider"
    )


def _key_variable(provider: str) -> str:
    return next((known.key_variable for known in catalog.providers() if known.name == provider), "the key")
