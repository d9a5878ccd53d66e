"""Where uploads lie while they are needed, and what is kept out: one private folder per run, swept and deleted."""

from __future__ import annotations

import atexit
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

PREFIX = "emoreason-app-"
IDLE_WORDS = ("Uploads are deleted within about ten minutes, clips on the page when you close it or after an hour, "
              "everything when the app stops.")
KEPT = 600.0  # seconds that an upload stays after it came
FULL = 2 << 30  # bytes in the folder from which no more uploads are taken
BODY = 1 << 20  # bytes of a request that is no upload
HOSTS = ("127.0.0.1", "localhost", "[::1]", "::1")


class House:
    """The folder of one run: uploads directly in it, the clips that a page is showing in ``rooms`` with names that
    cannot be guessed. Everything goes when the run ends; what a killed run left goes when the next one starts."""

    def __init__(self) -> None:
        _sweep_dead()
        self.root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
        self.rooms = self.root / "rooms"
        self.rooms.mkdir()
        self.chores: list[Callable[[], None]] = []  # what else is to be done every half minute
        self._over = threading.Event()
        atexit.register(self.close)
        threading.Thread(target=self._sweep, daemon=True).start()

    def room(self) -> Path:
        """A new folder below ``rooms``."""
        path = self.rooms / secrets.token_urlsafe(24)
        path.mkdir(mode=0o700)
        return path

    def holds(self, path: str | os.PathLike) -> bool:
        """Whether ``path`` is an upload: in the folder and not in a room."""
        real = Path(path).resolve()
        return real.is_relative_to(self.root) and not real.is_relative_to(self.rooms) and real.is_file()

    def size(self) -> int:
        """Bytes of all files."""
        total = 0
        for path in self.files():
            with suppress(FileNotFoundError):  # swept just now
                total += path.stat().st_size
        return total

    def files(self) -> list[Path]:
        return [Path(folder, name) for folder, _, names in os.walk(self.root) for name in names]

    def keep(self, paths: Iterable[str | os.PathLike]) -> None:
        """Uploads that are still needed: their time begins anew."""
        for path in paths:
            if self.holds(path):
                os.utime(path)

    def sweep(self, age: float = KEPT) -> None:
        """Delete uploads older than ``age`` seconds."""
        for path in self.files():
            try:
                if not path.is_relative_to(self.rooms) and time.time() - path.stat().st_mtime > age:
                    path.unlink()
            except OSError:  # gone already
                continue

    def close(self) -> None:
        self._over.set()
        shutil.rmtree(self.root, ignore_errors=True)

    def _sweep(self) -> None:
        while not self._over.wait(30):
            for chore in (self.sweep, *self.chores):
                chore()


def _sweep_dead() -> None:
    """Delete the folders of runs that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        found = re.fullmatch(rf"{PREFIX}(\d+)-.*", path.name)
        if found and path.stat().st_uid == os.getuid() and not _alive(int(found.group(1))):
            shutil.rmtree(path, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class Guard:
    """ASGI: only this machine is answered (by the Host header, so that a web page cannot reach in under a name of its
    own, and by Origin, so that it cannot send anything either), and the server never fetches an address for anyone."""

    def __init__(self, app: Callable[..., Awaitable[None]], house: House) -> None:
        self.app, self.house = app, house

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":  # the page needs none
            return await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
        path, origin = scope["path"], headers.get("origin")
        if _name(headers.get("host", "")) not in HOSTS:
            return await _refuse(send, 400, "This app answers on this machine only.")
        if origin is not None and _name(origin.partition("://")[2]) not in HOSTS:
            return await _refuse(send, 403, "Other pages may not use this app.")
        if re.search(r"/file=\w+:|/file=//|/proxy=", path):
            return await _refuse(send, 403, "Addresses are not fetched.")
        if path.endswith("/upload"):
            if scope["method"] == "POST" and not headers.get("content-length", "").isdigit():
                return await _refuse(send, 411, "Say how long the upload is.")
            if scope["method"] == "POST" and self.house.size() + int(headers["content-length"]) > FULL:
                return await _refuse(send, 507, "Too many uploads are waiting; try again in ten minutes.")
        elif scope["method"] == "POST":
            body = await _body(receive)
            if body is None:
                return await _refuse(send, 413, "That request is too long.")
            try:
                paths = list(_file_paths(body))
            except RecursionError:
                return await _refuse(send, 400, "That request nests too deep.")
            if any(_names_address(leaf) for leaf in paths):
                return await _refuse(send, 403, "Addresses are not fetched: save the file and upload it.")
            receive = _again(body, receive)
        await self.app(scope, receive, send)


def _name(host: str) -> str:
    """A host without its port."""
    return re.sub(r":\d+$", "", host)


async def _refuse(send: Any, status: int, why: str) -> None:
    head = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": json.dumps({"detail": why}).encode()})


async def _body(receive: Any) -> bytes | None:
    """The whole body, None when it is longer than BODY."""
    data = b""
    while True:
        message = await receive()
        data += message.get("body", b"")
        if len(data) > BODY:
            return None
        if not message.get("more_body") or message["type"] == "http.disconnect":
            return data


def _again(body: bytes, receive: Any) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A receive that gives the body once, then what comes next."""
    given = False

    async def once() -> dict[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _names_address(path: str) -> bool:
    return re.match(r"\s*\w{2,}:", path) is not None or path.lstrip().startswith("//")


def _file_paths(body: bytes) -> Iterator[str]:
    """Every "path" of a JSON body."""
    try:
        todo = [json.loads(body)]
    except ValueError:
        return
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            if isinstance(one.get("path"), str):
                yield one["path"]
            todo += one.values()
        elif isinstance(one, list):
            todo += one
