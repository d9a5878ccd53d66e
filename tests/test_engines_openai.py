"""The openai engine against a server that misbehaves on purpose: retries, pace, counts, and one line for what stays wrong."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from served import chunk, misbehave, whole

from emoreason import cli, engines
from emoreason.engines import Completion, Request
from emoreason.errors import UserError

HELLO = Request(({"role": "user", "content": "Hello"},), max_tokens=8)


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_sent():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = (250, 10, 10)
    request = Request(({"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Why?"}]},), (picture,), 7, 0.5, 0.9, 3)
    with misbehave(whole("yes")) as (url, asked):
        engine = engines.load(f"openai:m@{url}")
        assert engine.generate([request]) == [Completion("yes", 10, 3)]
        body = asked[0][1]
    assert (body["model"], body["max_tokens"], body["temperature"], body["top_p"], body["seed"]) == ("m", 7, 0.5, 0.9, 3)
    shown, text = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "Why?"}
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["image_url"]["url"].removeprefix("data:image/jpeg;base64,")))))
    assert seen.shape == (40, 60, 3) and np.abs(seen[20, 50].astype(int) - (250, 10, 10)).max() < 12


def test_it_waits_and_tries_again():
    with misbehave((429, {"retry-after-ms": "300"}), 500, whole("now")) as (url, asked):
        engine = engines.load(f"openai:m@{url}")
        assert engine.generate([HELLO])[0].text == "now"
        times = [t for t, *_ in asked]
    assert len(times) == 3 and times[1] - times[0] >= 0.3 and times[2] - times[1] >= 0.3  # asked for; then its own pause


@pytest.mark.parametrize("answers, setting, says", [
    ((429,), "tries=2", "#rpm="), ((500,), "tries=2", "failed 2 times"), ((401,), "", "OPENAI_API_KEY"), ((404,), "", "model's name"),
    ((3.0,), "tries=1,timeout=0.5", "#timeout="), (("<html>hello</html>",), "tries=1", "no chat completion"), ((b"{}",), "tries=1", "no chat completion"),
    ((b"[1, 2",), "tries=1", "no chat completion|127.0.0.1"), ((b'{"choices": []}',), "tries=1", "no chat completion"),
    ((whole(None),), "tries=1", "no chat completion"), ((400,), "", "400")])
def test_what_stays_wrong_is_one_line(answers, setting, says):
    with misbehave(*answers) as (url, _):
        engine = engines.load(f"openai:m@{url}#{setting}")
        with pytest.raises(UserError, match=says) as e:
            engine.generate([HELLO])
    assert "\n" not in str(e.value)


def test_streams_whole_and_broken():
    usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    good = [chunk("On"), chunk("ce"), chunk(finish="stop"), chunk(usage=usage), b"data: [DONE]\n\n"]
    for answer, expected in ((good, Completion("Once", 4, 2)), (good[:2], None), ([b"data: {nonsense\n\n"], None), ([b"junk"], None)):
        with misbehave(answer) as (url, asked):
            pieces = engines.stream(engines.load(f"openai:m@{url}#tries=1"), HELLO)
            if expected:
                assert list(pieces) == ["On", "ce", expected]
                assert asked[0][1]["stream"] is True
            else:
                with pytest.raises(UserError, match="no chat completion|127.0.0.1"):
                    list(pieces)


def test_many_at_once_in_order_counted_and_paced():
    with misbehave(whole("a"), (500, {"retry-after-ms": "1"}), whole("a")) as (url, asked):
        engine = engines.load(f"openai:m@{url}#parallel=3,rpm=300,price_in=2,price_out=10")
        assert [c.text for c in engine.generate([HELLO] * 6)] == ["a"] * 6
        times = sorted(t for t, *_ in asked)
    assert len(times) == 7 and times[-1] - times[0] >= 6 * 0.2 - 0.4  # the further try waits its turn too
    assert (engine.usage.requests, engine.usage.prompt_tokens, engine.usage.completion_tokens) == (6, 60, 18)
    assert engine.usage.cost(2, 10) == pytest.approx((60 * 2 + 18 * 10) / 1e6)


def test_keys_and_hosts(monkeypatch, capsys):
    with pytest.raises(UserError, match="set OPENAI_API_KEY"):
        engines.load("openai:m@https://example.invalid/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    with pytest.raises(UserError, match="nothing answers") as e:
        engines.load("openai:m@https://example.invalid/v1#tries=1")
    assert "secret" not in str(e.value)
    with misbehave(401) as (url, asked), pytest.raises(UserError) as e:
        engines.load(f"openai:m@{url}").generate([HELLO])
    assert asked[0][2]["authorization"] == "Bearer secret-key" and "secret-key" not in str(e.value)
    assert "sent to" not in capsys.readouterr().err  # this machine


def test_it_says_that_pictures_leave(monkeypatch, capsys):
    """A name that is not this machine's, though it leads here: what counts is the host that was named."""
    import socket

    monkeypatch.setenv("OPENAI_API_KEY", "k")
    find = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: find("127.0.0.1" if "far.example" in str(host) else host, *a, **k))
    with misbehave(whole("a")) as (url, _):
        engine = engines.load(f"openai:m@{url.replace('127.0.0.1', 'far.example')}#price_out=1")
        engine.generate([HELLO])
        engine.report()
    err = capsys.readouterr().err
    assert "pictures and questions are sent to far.example" in err and "1 requests, 10 tokens read, 3 written, cost 0.0000" in err


def test_a_server_that_is_down_ends_a_command_with_code_2(capsys):
    assert cli._main(["serve", "--port", "0", "--model", "openai:m@http://127.0.0.1:9/v1"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "nothing answers at http://127.0.0.1:9/v1" in err
