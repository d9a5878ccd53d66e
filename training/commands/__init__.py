"""The command line's side of training: one small module a command, so that nothing heavy is imported early."""

from __future__ import annotations

import argparse
from typing import Any


def config_arguments(parser: argparse.ArgumentParser) -> None:
    """CONFIG and its overrides."""
    parser.add_argument("config", nargs="?", help="a YAML file; examples stand in configs/")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes to the config, as a.b=value")


def load_config(kind: type, args: argparse.Namespace) -> Any:
    """The config dataclass from the arguments."""
    from emoreason.training.config import load

    path, overrides = args.config, list(args.overrides)
    if path and "=" in path:
        path, overrides = None, [path, *overrides]
    return load(kind, path, overrides)
