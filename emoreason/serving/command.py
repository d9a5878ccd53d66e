"""``emoreason serve``: the model behind an OpenAI-compatible HTTP interface, on this machine unless told otherwise."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from dataclasses import dataclass

from emoreason.engines.spec import LOOPBACK
from emoreason.errors import UserError

TOKEN = "EMOREASON_TOKEN"


@dataclass(frozen=True)
class Settings:
    """What a server allows. batch: requests that go through the model together; active: requests at once, more get
    429; max_bytes of a request's body; max_tokens of an answer; token: bearer token, None for none; hosts: names that
    a request may call this server by, None for any."""

    batch: int = 16
    active: int = 32
    max_bytes: int = 20 * 2**20
    max_tokens: int = 1024
    token: str | None = None
    hosts: tuple[str, ...] | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--model", default="nano", help="any model string (default: nano)")
    parser.add_argument("--host", default="127.0.0.1", help=f"address to listen on; others than this machine's need a "
                        f"bearer token in {TOKEN} (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port, 0 for any free one (default: 8000)")
    parser.add_argument("--batch", type=int, default=Settings.batch, help="requests that go through the model together "
                        f"(default: {Settings.batch}; 1: one at a time)")
    parser.add_argument("--active", type=int, default=Settings.active, help="requests at once; more are answered 429 "
                        f"(default: {Settings.active})")
    parser.add_argument("--max-mb", type=float, default=20, help="size of a request in MB (default: 20)")
    parser.add_argument("--max-tokens", type=int, default=Settings.max_tokens,
                        help=f"length of an answer that a client may ask for (default: {Settings.max_tokens})")


def settings(args: argparse.Namespace) -> Settings:
    """The options, checked. Raises UserError."""
    for name in ("batch", "active", "max_mb", "max_tokens"):
        if getattr(args, name) <= 0:
            raise UserError(f"--{name.replace('_', '-')} must be above 0, but is {getattr(args, name)}")
    if not 0 <= args.port < 65536:
        raise UserError(f"--port {args.port} is none; ports are 0 to 65535")
    token = os.environ.get(TOKEN) or None
    if args.host not in LOOPBACK and token is None:
        raise UserError(f"to listen on {args.host} set a bearer token in {TOKEN}: whoever has it may send faces here")
    return Settings(args.batch, args.active, int(args.max_mb * 2**20), args.max_tokens, token,
                    LOOPBACK if token is None else None)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM: then no new request is taken, and those under way are finished."""
    allowed = settings(args)
    try:
        family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
        door = socket.create_server((args.host, args.port), family=family)
    except (OSError, OverflowError) as e:
        raise UserError(f"{args.host} port {args.port} cannot be used ({e}); give another with --port") from None
    with door:
        import uvicorn

        from emoreason.reason import Reasoner
        from emoreason.serving.api import build

        app = build(Reasoner.load(args.model), allowed)
        port = door.getsockname()[1]
        print(f"emoreason: {args.model} on http://{args.host}:{port}/v1 (docs: /docs)", file=sys.stderr, flush=True)
        for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again when it is done: then they are over
            signal.signal(number, lambda *_: None)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=60))
        server.run(sockets=[door])
    print("emoreason: stopped", file=sys.stderr)
    return 0
