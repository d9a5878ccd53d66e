"""``emoreason train loop CONFIG [key=value ...]``."""

from __future__ import annotations

import argparse

from emoreason.training.commands import config_arguments as add_arguments

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> None:
    """Go through the rounds of the config; see emoreason.training.loop.Loop."""
    from emoreason.training.commands import load_config
    from emoreason.training.loop import Loop, loop

    loop(load_config(Loop, args))
