"""``emoreason train facenet CONFIG [key=value ...]``."""

from __future__ import annotations

import argparse

from emoreason.training.commands import config_arguments as add_arguments

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> None:
    """Train with the config; see emoreason.training.facenet.FaceNetTraining."""
    from emoreason.training.commands import load_config
    from emoreason.training.facenet import FaceNetTraining, train

    train(load_config(FaceNetTraining, args))
