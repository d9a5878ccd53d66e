"""HTTP servers on free ports, for tests: one that speaks OpenAI's protocol and misbehaves on demand, and our own."""

import base64
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEAD = {"id": "chatcmpl-1", "created": 1, "model": "m"}
DONE = b"data: [DONE]\n\n"


def whole(text):
    """A chat completion: 10 tokens read, 3 written."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {**HEAD, "object": "chat.completion", "choices": [choice],
            "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}}


def chunk(text=None, finish=None, usage=None):
    """One event of a streamed completion; with usage, the event that has no choice."""
    delta = {} if text is None else {"content": text}
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    event = {**HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


@contextmanager
def misbehave(*answers):
    """(base URL, requests) of a server that gives these answers to chat completions in turn, the last one ever after.

    An answer: a status; (status, headers); seconds to keep silent before it hangs up; a dict (JSON); bytes that are
    called JSON; a text that is called HTML; a list of bytes, streamed as events and cut off where ``DONE`` is not the
    last. A request: (time it came, its body, its headers by lower-case name). The list of models is always given."""
    asked, left, lock, over = [], list(answers), threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            known = self.path == "/v1/models"
            self.say(200 if known else 404, {"object": "list", "data": []} if known else {"error": {"message": "no such page"}})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path != "/v1/chat/completions":
                return self.say(404, {"error": {"message": "no such page"}})
            with lock:
                asked.append((time.monotonic(), body, {k.lower(): v for k, v in self.headers.items()}))
                answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, float):
                over.wait(answer)
                self.close_connection = True
            elif isinstance(answer, list):
                self.stream(answer)
            elif isinstance(answer, int | tuple):
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.say(status, {"error": {"message": f"wrong on purpose: {status}"}}, headers)
            else:
                self.say(200, answer)

        def say(self, status, body, headers=None):
            kind = "text/html" if isinstance(body, str) else "application/json"
            data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"content-type": kind, "content-length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def stream(self, events):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for event in events:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.flush()
            if events[-1] == DONE:
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.close_connection = True  # in the middle of what was announced

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serve(reasoner, settings):
    """The address of ``emoreason serve``'s app with this model, in this process."""
    import socket

    import uvicorn

    from emoreason.serving.api import build

    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(build(reasoner, settings), log_level="error", timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


def data_url(path):
    """A picture or clip as a data URL."""
    kind = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
