"""The app's HTTP side, with the real client on a real server."""

import json
import re
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from pathlib import Path

import paged
import pytest
from paged import SAMPLES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def page():
    return paged.app()


@pytest.fixture(scope="module")
def client(page):
    from gradio_client import Client

    return Client(page.local_url, verbose=False)


def upload(path):
    from gradio_client import handle_file

    return handle_file(str(path))


def status(url, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60).status
    except urllib.error.HTTPError as e:
        return e.code


def raw(page, api, data):
    """What the server streams back for a call made by hand."""
    url = f"{page.local_url}gradio_api/call{api}"
    request = urllib.request.Request(url, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"})
    event = json.load(urllib.request.urlopen(request, timeout=60))["event_id"]
    return urllib.request.urlopen(f"{url}/{event}", timeout=60).read().decode()


def test_the_documented_examples_run(page, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "app.md").read_text("utf-8"), re.S):
        exec(compile(code.replace("http://127.0.0.1:7860", page.local_url), "docs/app.md", "exec"), {})
    out = capsys.readouterr().out
    assert "happiness" in out and "(12, " in out


def test_ask_is_what_the_command_prints(client, capsys):
    from emoreason import cli

    got = client.predict(upload(SAMPLES / "happy.jpg"), "Which action units are active?", api_name="/ask")
    assert cli._main(["ask", str(SAMPLES / "happy.jpg"), "Which action units are active?", "--json"]) == 0
    want = json.loads(capsys.readouterr().out)[0]
    assert got == {**want, "media": "happy.jpg"}


def test_a_clip_and_its_row(client):
    row = client.predict(upload(SAMPLES / "smile.mp4"), api_name="/caption")
    assert row["video"] == "smile.mp4" and row["error"] is None and 12 in [e["au"] for e in row["events"]]
    answer = client.predict(upload(SAMPLES / "smile.mp4"), "What changes, and when?", api_name="/ask")
    assert answer["events"] == row["events"] and answer["duration"] == pytest.approx(3.6, abs=0.1)


def test_mistakes_are_told_in_one_line(client, tmp_path):
    from gradio_client.exceptions import AppError

    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(AppError, match="^broken.jpg is no picture that can be read"):
        client.predict(upload(broken), api_name="/ask")
    with pytest.raises(AppError, match="has no face 4; it has 1"):
        client.predict(upload(SAMPLES / "sad.jpg"), "why?", 4, api_name="/ask")
    with pytest.raises(AppError, match="too long"):
        client.predict(upload(SAMPLES / "sad.jpg"), "why? " * 200, api_name="/ask")
    row = client.predict(upload(broken), api_name="/caption")
    assert row["error"].startswith("broken.jpg") and row["caption"] is None


def test_no_other_file_is_read_or_served(page, client, tmp_path):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes((SAMPLES / "sad.jpg").read_bytes())
    for path in (secret, "/etc/hostname", page.house.root / ".." / "x", SAMPLES / "sad.jpg"):
        for api in ("/ask", "/caption"):
            marked = {"path": str(path), "meta": {"_type": "gradio.FileData"}}  # the client would upload it
            assert "event: error" in raw(page, api, [marked, "why?", 0][:3 if api == "/ask" else 1])
            with pytest.raises(Exception, match="only an uploaded file"):
                client.predict({"path": str(path)}, api_name=api)
        assert status(f"{page.local_url}gradio_api/file={path}") == 403
    assert status(f"{page.local_url}gradio_api/file=https://example.com/") == 403
    assert status(page.local_url, Host="evil.example") == 400


def test_uploads_are_bounded_and_swept(page, client, tmp_path):
    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(61 << 20)
    with pytest.raises(Exception, match="413|maximum|Too Large"):
        client.predict(upload(big), api_name="/ask")
    client.predict(upload(SAMPLES / "sad.jpg"), api_name="/ask")
    assert [p for p in page.house.files() if p.name == "sad.jpg"]
    page.house.sweep(age=-1)
    assert not page.house.files() and not list(page.house.rooms.iterdir()), "clips asked over HTTP leave nothing"


def test_nothing_outside_is_looked_up_at_start():
    code = textwrap.dedent("""
        import sys
        def watch(name, args):
            if name == "socket.getaddrinfo" and str(args[0]) not in ("127.0.0.1", "localhost", "None", ""):
                print("OUTSIDE", args[0])
            if name == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in ("127.0.0.1", "::1"):
                print("OUTSIDE", args[1])
        sys.addaudithook(watch)
        from emoreason.app import serve
        from emoreason.reason import Reasoner
        page = serve(Reasoner.load())
        print("SERVES", page.local_url)
        import time
        time.sleep(3)
        page.close()
    """)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250, cwd=ROOT)
    assert "SERVES http://127.0.0.1" in out.stdout, out.stderr[-2000:]
    assert "OUTSIDE" not in out.stdout
