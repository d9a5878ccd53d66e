"""The app on a free port, once for each test process, and a browser to drive it."""

import atexit
import os
import shutil
from functools import cache
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent.parent / "samples"


@cache
def app():
    from emoreason.app import serve
    from emoreason.reason import Reasoner

    page = serve(Reasoner.load("nano"))
    atexit.register(page.close)
    return page


def browser(play):
    """Debian's chromium, Chrome, or playwright's own; the test is skipped where there is none."""
    from playwright.sync_api import Error

    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    if getattr(os, "getuid", lambda: 1)() == 0:
        arguments.append("--no-sandbox")
    try:
        return play.chromium.launch(executable_path=path, args=arguments)
    except Error as e:
        pytest.skip(f"no browser: apt-get install chromium, or playwright install chromium ({str(e).splitlines()[0]})")
