"""Objects below a URL, by way of obstore: the only file that knows it.

What obstore says of a failure holds requests, answers and sometimes what was signed, so that none of it is
quoted: a failure is told in words of our own, with what to do about it.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlsplit

from imagegen_nb.core.daemon_threads import DaemonThreads
from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.core.install_hint import install_command
from imagegen_nb.core.open_files import OUT_OF_FILES, is_out_of_files
from imagegen_nb.errors import InvalidOption, StoreError
from imagegen_nb.store.base import store_error

if TYPE_CHECKING:
    from obstore.store import ObjectStore

T = TypeVar("T")

_PAGE = 1000
"""Objects that a service lists, or removes, at once."""
_CHUNK = 1 << 20
"""Bytes of an object that are read at once where it is not needed whole."""
_AHEAD = 32
"""Reads that are under way, or done and not looked at yet: no more is held in memory."""
_AT_ONCE = DaemonThreads(16)
"""Reads many objects side by side."""
_PROBES = "probes"
"""Where an object lies for a moment by which it is found out what the service can do."""
_SCHEMES = ("s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss", "file", "memory")
_WITH_ACCOUNT = ("abfs", "abfss", "adl")
"""`abfss://container@account…`: what stands before the @ is no name of a user."""
_RETRIES: Any = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=8)},
}
"""For 5xx (also the 503 of S3 that means slow down), lost connections and timeouts: then it is an error."""
_STATUS = re.compile(r"status(?: code)?: (\d{3})\b")
_NO_CREDENTIALS = re.compile(r"169\.254\.169\.254|metadata\.google|Missing\w*Key|credential", re.IGNORECASE)
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")
_TRUE = ("1", "true", "on", "yes", "y")

_process: int | None = None
"""The process that used obstore first. A forked one has not its threads, and would wait for ever."""
_in_memory: dict[str, ObjectStore] = {}
"""What `memory://` addresses hold, as long as this process lives."""


def checked_url(url: str) -> str:
    """An address of a store, without a slash at its end.

    Raises `InvalidOption` for schemes that no store has, and, without quoting what may be a secret, for an
    address that holds more than a place.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise InvalidOption(f"{parts.scheme}:// is not the URL of a store: give a folder, or one of {known}")
    has_user = "@" in parts.netloc and (parts.scheme not in _WITH_ACCOUNT or ":" in parts.netloc)
    if has_user or parts.query or parts.fragment:
        raise InvalidOption(
            f"the {parts.scheme}:// address of a store holds more than a place: leave out user, password, "
            "? and #. Credentials come from the environment"
        )
    if parts.scheme not in ("file", "memory") and not parts.netloc:
        raise InvalidOption(f"{url!r} names no bucket: use {parts.scheme}://bucket/folder")
    return url.rstrip("/") if parts.path.strip("/") or parts.netloc else f"{parts.scheme}:///"


def require() -> None:
    """Raises `InvalidOption` where obstore is not installed."""
    try:
        importlib.import_module("obstore")
    except ImportError:
        pass
    else:
        return
    raise InvalidOption(f"a store by URL needs the extra objects: {install_command('objects')}")


class Listed(NamedTuple):
    """An object in a list, and when it was written by the service's own clock."""

    key: str
    size: int
    modified: datetime


class Requests:
    """How many requests of each kind were made, without those that were tried again; under `bytes`, how many
    were read."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._counts = Counter[str]()

    def count(self, kind: str, many: int = 1) -> None:
        """Count so many more."""
        with self._lock:
            self._counts[kind] += many

    def since(self, before: Counter[str]) -> dict[str, int]:
        """What was counted after that."""
        return dict(self.now() - before)

    def now(self) -> Counter[str]:
        """What was counted so far."""
        with self._lock:
            return self._counts.copy()


class Objects:
    """The objects of one store, by keys relative to its URL. All methods block and raise `StoreError`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.scheme = urlsplit(url).scheme
        self.requests = Requests()
        self._opened: ObjectStore | None = None

    def __repr__(self) -> str:
        return f"Objects({self.url!r})"

    @property
    def _store(self) -> ObjectStore:
        """Opened with the first use: where a store is only made, nothing is read and nothing asked."""
        global _process
        if _process not in (None, os.getpid()):
            raise StoreError(
                "this process was forked from one that had used a store by URL, whose connections do not "
                'outlive a fork: start processes with multiprocessing.get_context("spawn")'
            )
        _process = os.getpid()
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> ObjectStore:
        from obstore.store import LocalStore, MemoryStore, from_url

        if self.scheme == "memory":
            return _in_memory.setdefault(self.url, MemoryStore())
        if self.scheme == "file":
            return LocalStore.from_url(self.url, mkdir=True)
        # Without options of a client: given any, obstore forgets those of the environment. Its own give up
        # connecting after 5 seconds, and a request after 30.
        store: ObjectStore = from_url(self.url, retry_config=_RETRIES)
        return store

    @property
    def may_exist(self) -> bool:
        """False for a folder that is not there: opening it would make it."""
        return self.scheme != "file" or Path(unquote(urlsplit(self.url).path)).is_dir()

    def read(self, key: str, most: int) -> bytes | None:
        """An object of at most `most` bytes; None where there is none."""

        def get() -> bytes | None:
            self.requests.count("GET")
            found = self._store.get(key)
            if found.meta["size"] > most:
                return None
            self.requests.count("bytes", found.meta["size"])
            return bytes(found.bytes())

        data = self._unless_absent(f"cannot read {key}", lambda: (get(),))
        if data == (None,):
            raise StoreError(
                f"cannot read {key} in {self.url}: it is larger than anything that is written there"
            )
        return data[0] if data else None

    def read_all(self, keys: Iterable[str], most: int) -> Iterator[bytes | None]:
        """As `read`, of several at once and in their order."""
        return _side_by_side(partial(self.read, key, most) for key in keys)

    def digests(self, keys: Iterable[str]) -> Iterator[str | None]:
        """The SHA-256 of each object in their order, None where there is none. Several are read at once, none
        of them whole."""
        return _side_by_side(partial(self._digest, key) for key in keys)

    def _digest(self, key: str) -> str | None:
        def read() -> str:
            self.requests.count("GET")
            digest = hashlib.sha256()
            for chunk in self._store.get(key).stream(min_chunk_size=_CHUNK):
                digest.update(chunk)
                self.requests.count("bytes", len(chunk))
            return digest.hexdigest()

        return self._unless_absent(f"cannot read {key}", read)

    def create(self, key: str, data: bytes, media_type: str = "application/json") -> bool:
        """Write an object that is not there yet, whole and durably; False where one is, which stays."""
        from obstore.exceptions import AlreadyExistsError

        def put() -> bool:
            self.requests.count("PUT")
            try:
                self._store.put(key, data, mode="create", attributes=self._attributes(media_type))
            except AlreadyExistsError:
                return False
            return True

        return self._do(f"cannot write {key}", put)

    def check_conditional_writes(self) -> None:
        """Whether the service refuses to create what is there. One that ignores `If-None-Match` says that it
        has created it, to everybody who asks. Raises `StoreError` for such a service."""
        if self.scheme in ("file", "memory"):
            return
        key = f"{_PROBES}/{uuid.uuid4().hex}"
        is_free, is_free_again = self.create(key, b"{}"), self.create(key, b"{}")
        self.requests.count("DELETE")
        with suppress(StoreError):  # a tiny object more does no harm
            self._unless_absent(f"cannot remove {key}", partial(self._delete, [key]))
        if is_free and is_free_again:
            raise StoreError(
                f"cannot write to {self.url}: the service ignores If-None-Match, by which processes that "
                "share a store keep out of each other's way; nothing was sent. Use a service with "
                "conditional writes, such as S3, Google Cloud Storage or Azure, or a folder"
            )

    def write(self, key: str, data: bytes, media_type: str = "application/json") -> None:
        """Write an object in the place of any that is there."""
        attributes = self._attributes(media_type)
        self.requests.count("PUT")
        self._do(
            f"cannot write {key}",
            # In one request: a part of an upload that never ended would lie there unseen, and be paid for.
            lambda: self._store.put(key, data, use_multipart=False, attributes=attributes),
        )

    def _attributes(self, media_type: str) -> Any:
        """What a browser is told of an object; files have no place for it."""
        return None if self.scheme == "file" else {"Content-Type": media_type}

    def size(self, key: str) -> int | None:
        """The bytes of an object; None where there is none."""
        self.requests.count("HEAD")
        return self._unless_absent(f"cannot look for {key}", lambda: int(self._store.head(key)["size"]))

    def names(self, folder: str, after: str | None = None) -> list[str]:
        """The keys in a folder that follow the key `after`, in alphabetical order."""
        return sorted(found.key for found in self.listed(folder, after))

    def modified(self, folder: str) -> dict[str, datetime]:
        """When each object in a folder was written, by the service's own clock."""
        return {found.key: found.modified for found in self.listed(folder)}

    def listed(self, folder: str, after: str | None = None) -> Iterator[Listed]:
        """The objects in a folder that follow the key `after`, page by page as they are asked for."""
        what = f"cannot list {folder}"
        pages = self._do(what, lambda: self._store.list(folder, offset=after, chunk_size=_PAGE))
        self.requests.count("LIST")
        many = 0
        while (page := self._do(what, lambda: next(pages, None))) is not None:
            many += len(page)
            for found in page:
                yield Listed(found["path"], found["size"], found["last_modified"])
        self.requests.count("LIST", max(many - 1, 0) // _PAGE)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects, many with one request where the service takes that; those that are not there may
        stay away."""
        for at in range(0, len(keys), _PAGE):
            some = keys[at : at + _PAGE]
            self.requests.count("DELETE")
            # One that is not there ends a list of them on some services: then one by one.
            if self._unless_absent("cannot remove objects", partial(self._delete, some)) is None:
                for key in some:
                    self.requests.count("DELETE")
                    self._unless_absent(f"cannot remove {key}", partial(self._delete, [key]))

    def _delete(self, keys: Sequence[str]) -> bool:
        self._store.delete(list(keys))
        return True

    @property
    def signs(self) -> bool:
        """Whether addresses of objects can be signed."""
        return self.scheme not in ("file", "memory")

    def signed(self, key: str, seconds: int) -> str:
        """An https address from which anybody can read an object for that long: a secret."""
        import obstore

        def sign() -> str:
            store: Any = self._store
            return str(obstore.sign(store, "GET", key, timedelta(seconds=seconds)))

        return self._do(f"cannot sign the address of {key}", sign)

    def address(self, key: str) -> str:
        """The object's address, which holds no secret and needs credentials to be read."""
        return f"{quote(self.url.rstrip('/'), safe=':/@%')}/{key}"

    def _unless_absent(self, what: str, work: Callable[[], T]) -> T | None:
        """As `_do`; None where `work` does not find the object."""

        def look() -> T | None:
            try:
                return work()
            except FileNotFoundError:
                return None

        return self._do(what, look)

    def _do(self, what: str, work: Callable[[], T]) -> T:
        """What `work` returns; what obstore raises becomes a `StoreError`, from which nothing leads to it."""
        from obstore.exceptions import BaseError

        try:
            return work()
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            reason = OUT_OF_FILES if is_out_of_files(error) else self._reason(error)
        raise store_error(f"{what} in {self.url}", reason)

    def _reason(self, error: Exception) -> str:
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        text = str(error)
        status = found[1] if (found := _STATUS.search(text)) else ""
        if isinstance(error, PermissionDeniedError) or status == "403":
            return "the credentials do not allow it (403): check their rights on the bucket, and the clock"
        if isinstance(error, UnauthenticatedError) or status == "401":
            return "the credentials were not accepted (401)"
        if isinstance(error, FileNotFoundError):
            return "there is no such bucket or folder: make it, or check the name"
        if status.startswith(("4", "3")):
            return f"the service refused it ({status}): check region, endpoint and bucket"
        if status:
            return f"the service failed or was too busy ({status}), several times: try again in a minute"
        if _NO_CREDENTIALS.search(text):
            return (
                "no credentials were found: set those of the service in the environment, such as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if "must be specified" in text:
            return "its account is not known: set it in the environment, such as AZURE_STORAGE_ACCOUNT_NAME"
        if "timed out" in text or "Timeout" in text:
            return "the service did not answer in time, several times: try again in a minute"
        unmet = "the service could not be reached, or does not do this"
        if (variable := _unencrypted_endpoint()) and self.url.startswith(("s3://", "s3a://")):
            return (
                f"{unmet}: {variable} begins with http://, which is not used unless AWS_ALLOW_HTTP=true is "
                "set too, as for a service on this machine; else check address and network"
            )
        return f"{unmet}: check address, endpoint and network"


def _unencrypted_endpoint() -> str:
    """The variable that names an endpoint without encryption, where such endpoints are not allowed."""
    if os.environ.get("AWS_ALLOW_HTTP", "").strip().lower() in _TRUE:
        return ""
    endpoints = ((name, os.environ.get(name, "").strip().lower()) for name in _ENDPOINTS)
    return next((name for name, endpoint in endpoints if endpoint.startswith("http://")), "")


def _side_by_side(work: Iterable[Callable[[], T]]) -> Iterator[T]:
    """What each returns, in order; a few are carried out ahead of whoever looks."""
    ahead = deque[Future[T]]()
    for one in work:
        ahead.append(_AT_ONCE.submit(one))
        if len(ahead) >= _AHEAD:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()
