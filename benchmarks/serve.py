"""Requests a second and latency of ``emoreason serve`` by clients, batched against one at a time, in one run.

    python benchmarks/serve.py [--model nano] [--clients 1 4 16] [--requests 8] [--tokens 64] [--rounds 1]

Latency is the median. Each client sends its next request when the last is answered; ``--requests`` are sent by each
number of clients, twice as many as clients at least. The two servers take turns, so that other load meets both alike.
"""

from __future__ import annotations

import argparse
import base64
import os
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from emoreason.reason import Reasoner
from emoreason.serving.api import build
from emoreason.serving.command import Settings

SAMPLES = sorted((Path(__file__).parent.parent / "samples").glob("*.jpg"))
QUESTIONS = ("Why does this face look the way it does?", "Which action units are active?", "How sure are you?")


def start(reasoner: Reasoner, batch: int) -> tuple[str, Any]:
    """(address, server) of a server in this process."""
    door = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(reasoner, Settings(batch=batch, active=64)), log_level="error"))
    threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return f"http://127.0.0.1:{door.getsockname()[1]}", server


def body(number: int, model: str, tokens: int) -> dict[str, Any]:
    picture = base64.b64encode(SAMPLES[number % len(SAMPLES)].read_bytes()).decode()
    parts = [{"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{picture}"}},
             {"type": "text", "text": QUESTIONS[number % len(QUESTIONS)]}]
    return {"model": model, "messages": [{"role": "user", "content": parts}], "max_tokens": tokens}


def load(url: str, model: str, clients: int, count: int, tokens: int) -> tuple[float, list[float], list[str]]:
    """(seconds for all, each request's seconds, the texts)."""
    def one(number: int) -> tuple[float, str]:
        begin = time.perf_counter()
        got = httpx.post(f"{url}/v1/chat/completions", json=body(number, model, tokens), timeout=600)
        got.raise_for_status()
        return time.perf_counter() - begin, got.json()["choices"][0]["message"]["content"]

    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(one, range(count)))
    return time.perf_counter() - begin, [d[0] for d in done], [d[1] for d in done]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    reasoner = Reasoner.load(args.model)
    name = reasoner.engine.name
    servers = {batch: start(reasoner, batch)[0] for batch in (1, 16)}
    for url in servers.values():
        load(url, name, 1, 2, 8)  # warm
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; {args.tokens} tokens a request\n")
    print("| clients | one at a time, requests/s | batched, requests/s | ratio | latency, s | batched | ratio |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for clients in args.clients:
        count = max(args.requests, 2 * clients)
        seconds: dict[int, float] = dict.fromkeys(servers, 0.0)
        waits: dict[int, list[float]] = {b: [] for b in servers}
        texts: dict[int, list[str]] = {}
        for _ in range(args.rounds):
            for batch, url in servers.items():
                took, each, texts[batch] = load(url, name, clients, count, args.tokens)
                seconds[batch] += took
                waits[batch] += each
        assert texts[1] == texts[16], "batching changed a text"
        rate = {b: args.rounds * count / s for b, s in seconds.items()}
        middle = {b: statistics.median(w) for b, w in waits.items()}
        print(f"| {clients} | {rate[1]:.2f} | {rate[16]:.2f} | {rate[16] / rate[1]:.2f} | {middle[1]:.2f} | "
              f"{middle[16]:.2f} | {middle[16] / middle[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
