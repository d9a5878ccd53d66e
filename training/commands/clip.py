"""``emoreason train clip CONFIG [key=value ...]``."""

from __future__ import annotations

import argparse

from emoreason.training.commands import config_arguments as add_arguments

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> None:
    """Train with the config; see emoreason.training.clip.ClipTraining."""
    from emoreason.training.clip import ClipTraining, train
    from emoreason.training.commands import load_config

    train(load_config(ClipTraining, args))
