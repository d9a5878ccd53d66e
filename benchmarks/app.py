"""How long a person waits in the app, alone and with ten others, and what it keeps.

    python benchmarks/app.py [--users 10] [--questions 200]

Seconds as a browser sees them, through the page's own queue and stream: from pressing Enter to the first words on the
page, and to the conclusion (the check, and redrawing where it fails, included). Needs chromium. Ten users ask the HTTP
API at once, with pictures that differ. Memory is that of the server's process, in MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
QUESTIONS = ("Why does this face look like that?", "Which action units are active?", "Is the smile genuine?",
             "How sure are you?")
SERVER = """
import sys, threading
from emoreason.app import serve
from emoreason.reason import Reasoner
page = serve(Reasoner.load(sys.argv[1]))
print(page.local_url, flush=True)
sys.stdin.read()
page.close()
"""


def resident(pid: int) -> float:
    """MiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def cpu(pid: int) -> float:
    """Seconds that a process has used, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def middle(values: list[float]) -> str:
    values = sorted(values)
    return f"{statistics.median(values):.2f} (worst {values[-1]:.2f}, n={len(values)})"


def seen(url: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds to the first words and to the conclusion in a browser; a new page each, the first not counted."""
    import shutil

    from playwright.sync_api import sync_playwright

    first, whole = [], []
    with sync_playwright() as play:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.getuid() == 0 else [])
        for i in range(rounds + 1):
            page = browser.new_page()
            page.set_default_timeout(300_000)
            page.goto(url)
            page.get_by_role("tab", name="Samples").click()
            page.locator("[data-sample$='.jpg']").nth(i % 4).click()
            page.wait_for_selector("#er-figures section")
            page.evaluate("""() => { window.at = {}; new MutationObserver(() => {
                const now = performance.now(), live = document.querySelector('.er-live');
                if (live && live.innerText.trim()) window.at.first ??= now;
                if (document.querySelector('.er-answer')) { window.at.first ??= now; window.at.whole ??= now; }
                }).observe(document.body, {subtree: true, childList: true, characterData: true}); }""")
            page.fill("#er-box textarea", QUESTIONS[i % len(QUESTIONS)])
            page.evaluate("window.at.start = performance.now()")
            page.press("#er-box textarea", "Enter")
            page.wait_for_function("window.at.whole")
            at = page.evaluate("window.at")
            if i:
                first.append((at["first"] - at["start"]) / 1000)
                whole.append((at["whole"] - at["start"]) / 1000)
            page.close()
        browser.close()
    return first, whole


def ask(url: str, number: int) -> float:
    """Seconds of one question over HTTP, the upload included."""
    from gradio_client import Client, handle_file

    client = Client(url, verbose=False)
    start = time.perf_counter()
    picture = sorted(SAMPLES.glob("*.jpg"))[number % 4]
    answer = client.predict(handle_file(str(picture)), QUESTIONS[number // 4 % 4], api_name="/ask")
    assert answer["face"] == 1
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=8, help="questions asked in the browser")
    parser.add_argument("--model", default="nano")
    args = parser.parse_args()
    start = time.perf_counter()
    server = subprocess.Popen([sys.executable, "-c", SERVER, args.model], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, cwd=ROOT)
    try:
        url = server.stdout.readline().strip()
        threading.Thread(target=server.stdout.read, daemon=True).start()
        out = {"load": f"{os.getloadavg()[0]:.1f}", "start": f"{time.perf_counter() - start:.1f}"}
        print(f"load average {out['load']}; up after {out['start']} s")
        first, whole = seen(url, args.rounds)
        print(f"browser, alone: first words {middle(first)} s, conclusion {middle(whole)} s")
        used = cpu(server.pid)
        alone = [ask(url, i) for i in range(args.users)]
        each = (cpu(server.pid) - used) / len(alone)
        print(f"HTTP, alone: {middle(alone)} s; server's CPU time for one question {each:.2f} s")
        begun = time.perf_counter()
        with ThreadPoolExecutor(args.users) as pool:
            together = list(pool.map(lambda i: ask(url, i), range(args.users)))
        whole_time = time.perf_counter() - begun
        print(f"HTTP, {args.users} at once: {middle(together)} s; all done after {whole_time:.1f} s, "
              f"{whole_time / sum(alone):.2f} of asking one after the other")
        before, marks = resident(server.pid), []
        for i in range(args.questions):
            ask(url, i)
            if i % 50 == 49:
                marks.append(f"{i + 1}: {resident(server.pid):.0f}")
        print(f"memory: {before:.0f} MiB before, after questions {', '.join(marks)}")
        print(json.dumps({"first": first, "whole": whole, "alone": alone, "together": together}))
    finally:
        server.stdin.close()
        server.wait(30)


if __name__ == "__main__":
    main()
