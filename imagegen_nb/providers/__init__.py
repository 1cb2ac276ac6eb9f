"""The providers, one file each, and what another one is written with.

    from imagegen_nb.providers import Choice, GeneratedImage, Model, Provider, register

These names are the plug-in API: `docs/providers.md` shows a provider made of them. They are loaded when first
used, so that importing the package costs nothing, and no provider's SDK is imported before it is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagegen_nb.core.types import (
        GeneratedImage,
        ImageRequest,
        MissingImages,
        PartialImage,
        ProviderEvent,
        ProviderWarning,
        ResponseMetadata,
        SettingValue,
        Usage,
        VisionAnswer,
        VisionRequest,
    )
    from imagegen_nb.providers.base import CatalogEntry, Connection, Provider
    from imagegen_nb.providers.capabilities import (
        Choice,
        Integer,
        Kind,
        Lifecycle,
        Model,
        PixelSize,
        Rule,
        Text,
        VisionModel,
    )
    from imagegen_nb.providers.catalog import register, unregister
    from imagegen_nb.providers.credentials import AzureOpenAI, Credential, Gateway, VertexAI
    from imagegen_nb.providers.http.client import open_client
    from imagegen_nb.providers.http.response import ProviderResponse, failure

__all__ = [
    "AzureOpenAI",
    "CatalogEntry",
    "Choice",
    "Connection",
    "Credential",
    "Gateway",
    "GeneratedImage",
    "ImageRequest",
    "Integer",
    "Kind",
    "Lifecycle",
    "MissingImages",
    "Model",
    "PartialImage",
    "PixelSize",
    "Provider",
    "ProviderEvent",
    "ProviderResponse",
    "ProviderWarning",
    "ResponseMetadata",
    "Rule",
    "SettingValue",
    "Text",
    "Usage",
    "VertexAI",
    "VisionAnswer",
    "VisionModel",
    "VisionRequest",
    "failure",
    "open_client",
    "register",
    "unregister",
]

_TYPES, _HERE = "imagegen_nb.core.types", __name__
_HOMES = {
    "AzureOpenAI": f"{_HERE}.credentials",
    "CatalogEntry": f"{_HERE}.base",
    "Choice": f"{_HERE}.capabilities",
    "Connection": f"{_HERE}.base",
    "Credential": f"{_HERE}.credentials",
    "Gateway": f"{_HERE}.credentials",
    "GeneratedImage": _TYPES,
    "ImageRequest": _TYPES,
    "Integer": f"{_HERE}.capabilities",
    "Kind": f"{_HERE}.capabilities",
    "Lifecycle": f"{_HERE}.capabilities",
    "MissingImages": _TYPES,
    "Model": f"{_HERE}.capabilities",
    "PartialImage": _TYPES,
    "PixelSize": f"{_HERE}.capabilities",
    "Provider": f"{_HERE}.base",
    "ProviderEvent": _TYPES,
    "ProviderResponse": f"{_HERE}.http.response",
    "ProviderWarning": _TYPES,
    "ResponseMetadata": _TYPES,
    "Rule": f"{_HERE}.capabilities",
    "SettingValue": _TYPES,
    "Text": f"{_HERE}.capabilities",
    "Usage": _TYPES,
    "VertexAI": f"{_HERE}.credentials",
    "VisionAnswer": _TYPES,
    "VisionModel": f"{_HERE}.capabilities",
    "VisionRequest": _TYPES,
    "failure": f"{_HERE}.http.response",
    "open_client": f"{_HERE}.http.client",
    "register": f"{_HERE}.catalog",
    "unregister": f"{_HERE}.catalog",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
