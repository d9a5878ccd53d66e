"""The one door: ``emoreason COMMAND``. Each command's module is imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from emoreason.errors import UserError

# command (one or two words) -> module with add_arguments(parser) and run(args), and what it does.
COMMANDS: dict[str, tuple[str, str]] = {
    "ask": ("emoreason.ask", "ask a picture or a clip about a face"),
    "caption": ("emoreason.caption", "caption folders of clips"),
    "app": ("emoreason.app", "open the chat app"),
    "serve": ("emoreason.serving.command", "serve a model over HTTP, OpenAI-compatible"),
    "eval": ("emoreason.eval.run", "score a model or a file of predictions"),
    "data synth": ("emoreason.data_pipeline.synth", "render faces and clips with exact labels"),
    "data build": ("emoreason.data_pipeline.build", "turn annotations into training shards"),
    "data frames": ("emoreason.data_pipeline.clip_frames", "render key frames of clips, for talks about clips"),
    "data improve": ("emoreason.data_pipeline.improve", "the next round's data from a model's own answers"),
    "data teach": ("emoreason.data_pipeline.teach", "AU labels of real photos by teachers, with their agreement"),
    "data talks": ("emoreason.data_pipeline.talks", "questions and answers about faces, for SFT and GRPO"),
    "train facenet": ("emoreason.training.commands.facenet", "train the face network"),
    "train facenet-data": ("emoreason.training.commands.facenet_data", "make the caches that facenet trains on"),
    "train pretrain": ("emoreason.training.commands.pretrain", "train a small language model from scratch"),
    "train clip": ("emoreason.training.commands.clip", "train a vision tower on faces and their descriptions"),
    "train sft": ("emoreason.training.commands.sft", "supervised fine-tuning"),
    "train grpo": ("emoreason.training.commands.grpo", "reinforcement learning"),
    "train loop": ("emoreason.training.commands.loop", "rounds of data, SFT, GRPO and a check that keeps or drops"),
}


def main(argv: list[str] | None = None) -> None:
    """Run a command. Exit codes: 0 done, 2 a user's mistake (one line on stderr), 130 interrupted."""
    sys.exit(_main(list(sys.argv[1:] if argv is None else argv)))


def _main(argv: list[str]) -> int:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if argv[0] == "--version":
        from importlib.metadata import version

        print(version("emoreason"))
        return 0
    name, rest = _pick(argv)
    if name is None:
        known = ", ".join(c for c in COMMANDS if c.split()[0] == argv[0]) or ", ".join(COMMANDS)
        print(f"emoreason: unknown command {' '.join(argv[:2])!r}; known are: {known}", file=sys.stderr)
        return 2
    module_name, help_text = COMMANDS[name]
    try:
        module = importlib.import_module(module_name)
        description = help_text[0].upper() + help_text[1:] + "."
        parser = argparse.ArgumentParser(prog=f"emoreason {name}", description=description)
        module.add_arguments(parser)
        result = module.run(parser.parse_args(rest))
        return int(result or 0)
    except UserError as e:
        print(f"emoreason: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("emoreason: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _pick(argv: list[str]) -> tuple[str | None, list[str]]:
    """The command's name (one or two words) and the remaining arguments."""
    for words in (2, 1):
        name = " ".join(argv[:words])
        if name in COMMANDS:
            return name, argv[words:]
    return None, argv


def _overview() -> str:
    rows = "\n".join(f"  {name:20} {text}" for name, (_, text) in COMMANDS.items())
    return f"usage: emoreason COMMAND [options]\n\n{rows}\n\nemoreason COMMAND --help says more."


if __name__ == "__main__":
    main()
