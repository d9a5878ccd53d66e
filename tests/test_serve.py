"""``emoreason serve`` as its users meet it: the official client, plain HTTP, its limits, and how it stops."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest
from served import data_url, serve

from emoreason import cli, engines
from emoreason.engines.batcher import Batcher
from emoreason.llama import Writing
from emoreason.reason import Reasoner, find_subjects
from emoreason.schema import Explanation, parse
from emoreason.serving.command import TOKEN, Settings

SAMPLES = Path(__file__).parent.parent / "samples"
SAD, HAPPY, SMILE = SAMPLES / "sad.jpg", SAMPLES / "happy.jpg", SAMPLES / "smile.mp4"
WHY = "Why does this face look sad?"


@pytest.fixture(scope="module")
def nano():
    return Reasoner.load("nano")


@pytest.fixture(scope="module")
def address(nano):
    with serve(nano, Settings(max_bytes=2 * 2**20, hosts=("127.0.0.1",))) as url:
        yield url


@pytest.fixture(scope="module")
def client(address):
    return openai.OpenAI(api_key="none", base_url=f"{address}/v1", max_retries=0)


@pytest.fixture(scope="module")
def said(nano):
    """What the model says without a server."""
    return nano.engine.generate([nano.request(find_subjects(SAD), WHY)])[0]


def user(path=SAD, text=WHY):
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_url(path)}}, {"type": "text", "text": text}]}


def test_the_official_client_gets_the_same_tokens(client, said):
    assert [m.id for m in client.models.list()] == ["nano"]
    got = client.chat.completions.create(model="nano", messages=[user()])
    assert got.choices[0].message.content == said.text and got.choices[0].finish_reason == "stop"
    assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (said.prompt_tokens, said.completion_tokens)


def test_streaming(client, said):
    chunks = list(client.chat.completions.create(model="nano", messages=[user()], stream=True, stream_options={"include_usage": True}))
    pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert "".join(pieces) == said.text and len(pieces) > 20
    assert chunks[-2].choices[0].finish_reason == "stop" and chunks[-1].usage.completion_tokens == said.completion_tokens


def test_our_own_engine_on_it(address, said, nano):
    """openai:nano@URL sends the face as pictures; a text gets the text's answer."""
    engine = engines.load(f"openai:nano@{address}/v1#retries=0")
    answer = Reasoner(engine=engine).ask(HAPPY)[0]
    assert answer.problem is None and answer.evidence.intensities()[12] > 1
    text = engines.complete(f"openai:nano@{address}/v1")("Hello")
    assert text == nano.engine.generate([engines.Request(({"role": "user", "content": "Hello"},), max_tokens=engines.JUDGE_TOKENS)])[0].text.strip()


@pytest.mark.slow
def test_many_clients_get_what_one_gets(client, nano):
    jobs = [(p, q) for p in (SAD, HAPPY) for q in (WHY, "Which action units are active?", "How sure are you?")]
    alone = [nano.engine.generate([nano.request(find_subjects(p), q)])[0].text for p, q in jobs]
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda j: client.chat.completions.create(model="nano", messages=[user(*j)]).choices[0].message.content, jobs))
    assert got == alone


def test_draws_by_seed(client):
    ask = {"model": "nano", "messages": [user()], "temperature": 1.2, "max_tokens": 30, "seed": 5}
    a, b = client.chat.completions.create(**ask, n=2).choices
    assert a.finish_reason == "length" and a.message.content != b.message.content
    assert client.chat.completions.create(**ask).choices[0].message.content == a.message.content


def test_conversations(client, nano):
    turns = [{"role": "system", "content": "Be short."}, user(), {"role": "assistant", "content": "It looks sad."}, {"role": "user", "content": "How sure are you?"}]
    got = client.chat.completions.create(model="nano", messages=turns).choices[0].message.content
    history = [{"role": "user", "content": f"Be short.\n{WHY}"}, {"role": "assistant", "content": "It looks sad."}]
    assert got == nano.engine.generate([nano.request(find_subjects(SAD), "How sure are you?", history)])[0].text


def test_explain(address, nano):
    got = httpx.post(f"{address}/explain", json={"media": data_url(HAPPY), "question": "Is the smile genuine?"}, timeout=240)
    assert got.status_code == 200
    answer = got.json()["answers"][0]
    direct = nano.ask(HAPPY, "Is the smile genuine?")[0]
    assert Explanation.from_dict(answer["explanation"]) == direct.explanation == parse(answer["text"])
    assert answer["evidence"]["aus"]["12"] > 1 and answer["face"] == 1 and len(answer["box"]) == 4
    two = httpx.post(f"{address}/explain", json={"media": data_url(HAPPY), "other": data_url(SAD), "question": "Compare the two faces."}, timeout=240)
    assert two.status_code == 200 and len(two.json()["answers"]) == 1


@pytest.mark.slow
def test_clips(address, client, nano):
    """A clip is read as from a file; what cannot be asked of clips is the client's mistake."""
    shown = {"type": "video_url", "video_url": {"url": data_url(SMILE)}}
    ask = [{"role": "user", "content": [shown, {"type": "text", "text": "What changes, and when?"}]}]
    got = client.chat.completions.create(model="nano", messages=ask)
    subject = nano.measured(find_subjects(str(SMILE))[0])
    said = nano.engine.generate([nano.request([subject], "What changes, and when?")])[0]
    assert got.choices[0].message.content == said.text and got.usage.prompt_tokens == said.prompt_tokens
    two = httpx.post(f"{address}/explain", json={"media": data_url(SMILE), "other": data_url(SAD)}, timeout=240)
    assert two.status_code == 400 and "clips cannot be compared" in two.json()["error"]["message"]


def test_no_face_needs_no_model(client, tmp_path):
    import numpy as np
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)).save(tmp_path / "n.jpg")
    for stream in (False, True):
        got = client.chat.completions.create(model="nano", messages=[user(tmp_path / "n.jpg")], stream=stream)
        text = "".join(c.choices[0].delta.content or "" for c in got) if stream else got.choices[0].message.content
        assert parse(text).emotion is None and "No face" in text


@pytest.mark.parametrize("change, code, says", [
    ({"model": "gpt-4o"}, 404, "there is nano"), ({"messages": []}, 400, "messages"), ({"tools": [{"type": "function"}]}, 400, "tools is not supported"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://example.com/a.jpg"}}]}]}, 400, "nothing is fetched"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]}, 400, "picture 1"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,*"}}]}]}, 400, "base64"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}]}, 400, "data URL"),
    ({"messages": [{"role": "assistant", "content": "Hi"}]}, 400, "starts and ends"), ({"max_tokens": 100_000}, 400, "at most 1024"),
    ({"temperature": 9}, 400, "temperature"), ({"n": 2, "stream": True}, 400, "streamed"),
    ({"messages": [{"role": "user", "content": "why " * 3000}]}, 400, "2048 in all")])
def test_mistakes(address, change, code, says):
    got = httpx.post(f"{address}/v1/chat/completions", json={"model": "nano", "messages": [{"role": "user", "content": "Hi"}], **change}, timeout=240)
    assert got.status_code == code and says in got.json()["error"]["message"], got.text


def test_bodies(address):
    url = f"{address}/v1/chat/completions"
    assert httpx.post(url, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert httpx.post(url, content=b"x" * 3_000_000).status_code == 413

    def endless():
        for _ in range(30):
            yield b"x" * 100_000

    try:
        assert httpx.post(url, content=endless()).status_code == 413
    except httpx.WriteError:
        pass  # the server closed the door while we were still talking
    assert httpx.get(f"{address}/health", headers={"host": "evil.example"}).status_code == 400
    assert httpx.get(f"{address}/nothing").status_code == 404


def test_figures_and_papers(address, client):
    def figure(name):
        return float(re.search(re.escape(name) + r" (\S+)", httpx.get(f"{address}/metrics").text).group(1))

    client.chat.completions.create(model="nano", messages=[user()], max_tokens=5)
    assert httpx.get(f"{address}/health").json()["status"] == "ok"
    assert figure('emoreason_requests_total{code="200",path="/v1/chat/completions"}') >= 1
    wrote = figure('emoreason_tokens_total{kind="completion"}')
    assert wrote >= 5
    httpx.post(f"{address}/explain", json={"media": data_url(SAD)}, timeout=240).raise_for_status()
    assert figure('emoreason_tokens_total{kind="completion"}') > wrote + 20
    text = httpx.get(f"{address}/metrics").text
    assert "emoreason_batch_size_bucket" in text and "sad" not in text
    paths = httpx.get(f"{address}/openapi.json").json()["paths"]
    assert {"/v1/chat/completions", "/explain", "/health", "/metrics"} <= paths.keys()
    assert httpx.get(f"{address}/docs").status_code == 200


class Slow:
    """An engine that holds every request until it is let go."""

    def __init__(self, engine):
        self.engine, self.go, self.sizes = engine, threading.Event(), []
        self.name, self.native, self.sends_to, self.spec = engine.name, True, None, engine.spec

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def generate(self, requests, on_text=None):
        self.sizes.append(len(requests))
        self.go.wait(30)
        return self.engine.generate(requests, on_text)


def test_too_many_are_sent_away_and_the_rest_go_together(nano):
    slow = Slow(nano.engine)
    with serve(Reasoner(engine=slow), Settings(active=5)) as url, ThreadPoolExecutor(8) as pool:
        ask = {"model": "nano", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}

        def post():
            return httpx.post(f"{url}/v1/chat/completions", json=ask, timeout=240)

        first = pool.submit(post)
        while not slow.sizes:
            time.sleep(0.01)
        others = [pool.submit(post) for _ in range(4)]
        while "emoreason_active_requests 5.0" not in httpx.get(f"{url}/metrics").text:
            time.sleep(0.02)
        refused = post()
        assert refused.status_code == 429 and refused.headers["retry-after"] == "1" and refused.json()["error"]["code"] == 429
        slow.go.set()
        assert {f.result().status_code for f in [first, *others]} == {200}
        assert slow.sizes[0] == 1 and sum(slow.sizes) == 5 and max(slow.sizes) > 1
        assert post().status_code == 200


def test_a_bad_request_does_not_take_others_along(nano):
    batcher = Batcher(nano.engine)
    good = engines.Request(({"role": "user", "content": "Hi"},), max_tokens=3)
    bad = engines.Request(({"role": "user", "content": [{"type": "image"}]},), max_tokens=3)
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(batcher.generate, [r]) for r in (good, bad, good)]
        assert jobs[0].result() == jobs[2].result()
        with pytest.raises(ValueError, match="1 images in the messages"):
            jobs[1].result()
    batcher.close()


def test_tokens(nano):
    with serve(nano, Settings(token="s3cret")) as url:
        ask = {"model": "nano", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
        for key, code in (("wrong", 401), ("s3cret", 200)):
            assert httpx.post(f"{url}/v1/chat/completions", json=ask, headers={"authorization": f"Bearer {key}"}, timeout=240).status_code == code
        assert httpx.get(f"{url}/metrics").status_code == 401 and httpx.get(f"{url}/health").status_code == 200
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(api_key="no", base_url=f"{url}/v1", max_retries=0).models.list()


def test_leaving_a_stream_stops_the_work(nano, address, monkeypatch):
    step = Writing.step
    monkeypatch.setattr(Writing, "step", lambda self, tokens: time.sleep(0.03) or step(self, tokens))  # it is soon over else

    def cancelled():
        found = re.search(r'emoreason_completions_total\{finish="cancelled"\} (\S+)', httpx.get(f"{address}/metrics").text)
        return float(found.group(1)) if found else 0.0

    before = cancelled()
    with httpx.stream("POST", f"{address}/v1/chat/completions", json={"model": "nano", "messages": [user()], "stream": True}, timeout=240) as got:
        next(line for line in got.iter_lines() if "content" in line)
    end = time.monotonic() + 20
    while cancelled() == before and time.monotonic() < end:
        time.sleep(0.1)
    assert cancelled() == before + 1


@pytest.mark.parametrize("argv, says", [
    (["--host", "0.0.0.0"], TOKEN), (["--port", "99999"], "0 to 65535"), (["--batch", "0"], "above 0"), (["--port", "1", "--host", "203.0.113.1"], TOKEN)])
def test_settings_that_cannot_be(argv, says, capsys, monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)
    assert cli._main(["serve", *argv]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


def test_a_port_that_is_taken(address, capsys):
    assert cli._main(["serve", "--port", address.rsplit(":", 1)[1]]) == 2
    assert "give another with --port" in capsys.readouterr().err


@pytest.mark.slow
def test_it_finishes_what_it_began(said):
    process = subprocess.Popen([sys.executable, "-m", "emoreason.cli", "serve", "--port", "0"], stderr=subprocess.PIPE, text=True,
                               env={**os.environ, TOKEN: ""})
    try:
        line = next(line for line in process.stderr if "http://" in line)
        url = re.search(r"http://\S+:\d+", line).group()
        with httpx.stream("POST", f"{url}/v1/chat/completions", json={"model": "nano", "messages": [user()], "stream": True}, timeout=240) as got:
            lines = got.iter_lines()
            next(line for line in lines if "content" in line)
            process.send_signal(signal.SIGTERM)
            rest = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        assert rest[-1]["choices"][0]["finish_reason"] == "stop"
        assert said.text.endswith("".join(c["choices"][0]["delta"].get("content", "") for c in rest))
        assert process.wait(30) == 0
    finally:
        process.kill()
