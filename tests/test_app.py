"""The app's HTTP side, with the real client on a real server."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.mark.slow
def test_ask_over_http():
    from gradio_client import Client, handle_file

    from emoreason.app import build
    from emoreason.reason import Reasoner

    page = build(Reasoner.load("nano"))
    page.queue(max_size=4).launch(server_name="127.0.0.1", server_port=None, prevent_thread_lock=True, quiet=True)
    try:
        client = Client(page.local_url, verbose=False)
        answer = client.predict(handle_file(str(SAMPLES / "happy.jpg")), "Is the smile genuine?", api_name="/ask")
        assert answer["face"] == 1 and answer["media"] == "happy.jpg"
        with pytest.raises(Exception, match="[Oo]nly uploaded|Gradio app"):
            client.predict({"path": "/etc/hostname"}, "why?", api_name="/ask")
    finally:
        page.close()


def test_text_on_its_way_shows_no_tags():
    from emoreason.app import _plain

    assert _plain("<think>Key observations: a & b") == "Key observations: a &amp; b"
    assert _plain("<think>done</think><answer>sad") == "done"
