"""The chat app: a page over the same Reasoner as everything else. No model logic here.

Local only (127.0.0.1) and silent: no analytics, no look-ups outside, uploads deleted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoreason.errors import UserError

if TYPE_CHECKING:
    from emoreason.reason import Reasoner

WAITING = 32  # requests that may wait; more are told to come back
AT_ONCE = 8  # requests answered at the same time, in batches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--port", type=int, default=7860, help="port on 127.0.0.1 (default 7860)")
    parser.add_argument("--model", default="nano", help="nano, a checkpoint folder, or another model string")


def run(args: argparse.Namespace) -> None:
    """Serve the page until interrupted."""
    if not 1 <= args.port <= 65535:
        raise UserError(f"--port must lie in 1 to 65535, but is {args.port}")
    from emoreason.reason import Reasoner

    page = serve(Reasoner.load(args.model), args.port)
    print(f"emoreason is at {page.local_url} for this machine only; stop with Ctrl+C", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that uploads are deleted then, too
    try:
        page.block_thread()
    finally:
        page.close()
        page.house.close()


def serve(reasoner: Reasoner, port: int | None = None) -> Any:
    """Start the page on 127.0.0.1 and return its gradio Blocks, with ``local_url`` and ``house``; ``close()`` stops it.
    port None: any free one. Raises UserError when the port cannot be used."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from emoreason.app.house import Guard, House

    house = House()
    os.environ["GRADIO_TEMP_DIR"] = str(house.root)
    import gradio as gr
    from starlette.middleware import Middleware

    from emoreason.app.media import MEGABYTES
    from emoreason.app.page import build
    from emoreason.engines.batcher import Batcher
    from emoreason.reason import Reasoner

    if not getattr(reasoner.engine, "batches", False):
        reasoner = Reasoner(engine=Batcher(reasoner.engine))
    static = Path(__file__).parent / "static"
    script = f"<script>{(static / 'app.js').read_text('utf-8')}</script>"
    fonts = ["ui-sans-serif", "system-ui", "sans-serif"]
    theme = gr.themes.Base(primary_hue="amber", secondary_hue="slate", neutral_hue="slate", radius_size="lg",
                           font=fonts, font_mono=["ui-monospace", "monospace"])
    page: Any = build(reasoner, house)
    page.house = house
    try:
        page.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE, api_open=False).launch(
            server_name="127.0.0.1", server_port=port, max_file_size=MEGABYTES << 20, show_error=True, quiet=True,
            prevent_thread_lock=True, run_history=False, enable_monitoring=False, footer_links=[], theme=theme,
            css_paths=[static / "app.css"], head=script, share=False, ssr_mode=False, pwa=False, mcp_server=False,
            app_kwargs={"middleware": [Middleware(Guard, house=house)]})
    except OSError as e:
        house.close()
        raise UserError(f"port {port} cannot be used ({e}); give another with --port") from None
    return page
