"""Talks about pictures: facenet reads a face, the explanation engine asks and answers about what it read.

What the text says is what facenet measured on that very picture, so that the language model learns to put evidence
into words and not to guess. Rows: images (list of encoded crops; a clip is one animated picture), prompt, completion
(chat messages), label (the picture's own emotion or None), aus (JSON of the true intensities or None), measured and
seen (JSON of facenet's intensities, sides, emotions and pose), kind (of the last question).
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from emoreason.data_pipeline import clip_talks
from emoreason.data_pipeline.clip_text import CLIP_KINDS
from emoreason.data_pipeline.explain import Facts, Question, ask_compare, compare, dialogue, write
from emoreason.data_pipeline.grammar import Plain
from emoreason.data_pipeline.questions import wording
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.prompts import note
from emoreason.schema import render

LIMITS = ("the face is small in the picture", "the picture is dark", "the picture is blurred",
          "the head is turned far away")


@dataclass(frozen=True)
class Seen:
    """A face as facenet read it. crop: encoded bytes; facts: what the text may say; label, aus: the truth, if known."""

    crop: bytes
    facts: Facts
    label: str | None = None
    aus: dict[int, float] | None = None


def seen_faces(net: object, greys: np.ndarray, labels: Sequence[str | None], truth: np.ndarray | None,
               temperature: float = 1.0, batch: int = 256) -> Iterator[Seen]:
    """Faces (N, 64, 64) uint8 grey as a cache holds them -> Seen. truth (N, K): exact intensities, if known."""
    for at in range(0, len(greys), batch):
        part = greys[at:at + batch]
        crops = np.stack([cv2.cvtColor(cv2.resize(g, (128, 128), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
                          for g in part])
        evidence = net.read(crops, temperature=temperature)
        for i in range(len(part)):
            facts = Facts.from_evidence(evidence, i, tuple(map(float, evidence.poses[i])))
            aus = None if truth is None else dict(zip(MEASURED_AUS, map(float, truth[at + i]), strict=True))
            yield Seen(cv2.imencode(".png", part[i])[1].tobytes(), facts, labels[at + i], aus)


def rows(faces: Sequence[Seen], rng: random.Random, talks: int = 1, pairs: float = 0.0,
         brief: float = 0.0, compared: float = 0.125) -> Iterator[dict]:
    """``talks`` rows for each face, in a drawn order; the share ``compared`` compares two faces. With the chance
    ``pairs`` a row is followed by the two of ``asked_both``, of which the share ``brief`` is brief."""
    order = [i for i in range(len(faces)) for _ in range(talks)]
    rng.shuffle(order)
    for i in order:
        face = faces[i]
        if rng.random() < compared:
            other = faces[rng.randrange(len(faces))]
            yield _comparison(face, other, rng)
            continue
        facts, lead = _limited(face.facts, rng)
        turns = dialogue(facts, rng, 2 if rng.random() < 0.2 else 1)
        history = []
        for question, answer in turns[:-1]:
            history += [{"role": "user", "content": lead + question.text},
                        {"role": "assistant", "content": render(answer)}]
            lead = ""
        question, answer = turns[-1]
        yield _row([face], history, lead + question.text, render(answer), question.kind)
        if rng.random() < pairs:
            yield from asked_both(face, rng, rng.random() < brief)


def _limited(facts: Facts, rng: random.Random) -> tuple[Facts, str]:
    """In a twentieth something limits the view, in half of these too much for a reading; and the note that says so."""
    draw = rng.random()
    if draw >= 0.05:
        return facts, ""
    limits, readable = tuple(rng.sample(LIMITS, 1)), draw < 0.025
    lead = note(limits if readable else ("the face cannot be read: " + limits[0],))
    return replace(facts, quality=limits, readable=readable), lead


def _comparison(face: Seen, other: Seen, rng: random.Random) -> dict:
    a, b = face.facts, other.facts
    if rng.random() < 0.5:
        a, lead = _limited(a, rng)
    else:
        b, lead = _limited(b, rng)
    question = ask_compare(a, b, rng)
    answer = render(compare(a, b, question, rng))
    return _row([face, other], [], lead + question.text, answer, "compare")


def asked_both(face: Seen, rng: random.Random, brief: bool = False) -> Iterator[dict]:
    """Two rows in which only the asked look differs: the one that the face is read as, and another. brief: the answer
    is the interpretation's first sentence alone, so that the comparison is all that there is to learn."""
    kind, facts, seed = rng.choice(("why", "why", "is", "whynot")), face.facts, rng.random()
    other = rng.choice(facts.ranked[1:3] if rng.random() < 0.5 else facts.ranked[1:])
    for look in (facts.top, other):
        question = Question(kind, wording(kind, random.Random(seed), look), look)
        answer = write(facts, question, rng)
        if brief:
            first = re.split(r"(?<=[.!?])\s", answer.interpretation)[0]
            answer = replace(answer, observations=(), interpretation=first)
        yield _row([face], [], question.text, render(answer), kind)


def _row(faces: list[Seen], history: list[dict], question: str, answer: str, kind: str) -> dict:
    """label and aus are of one face; measured is the stronger of two, and each one's own stands in ``seen``."""
    one = faces[0] if len(faces) == 1 else None
    known = [seen(f.facts) for f in faces]
    strongest = {a: max(k["aus"][a] for k in known) for a in known[0]["aus"]}
    truth = one.aus if one else None
    return {"images": [f.crop for f in faces], "prompt": [*history, {"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": answer}], "label": one.label if one else None,
            "aus": None if truth is None else json.dumps({str(a): round(v, 2) for a, v in truth.items()}),
            "measured": json.dumps(strongest), "course": None,
            "seen": json.dumps(known[0] if one else {"pair": known}), "kind": kind}


def seen(facts: Facts) -> dict[str, Any]:
    """What facenet saw of a face, for the rewards: AUs, their side where one is clearly the stronger, probabilities,
    valence, and yaw, pitch, roll in degrees."""
    return {"aus": {str(a): round(v, 2) for a, v in facts.aus.items()}, "valence": round(facts.valence, 2),
            "sides": {str(a): side for a, side in facts.sides.items()},
            "emotions": {e: round(p, 3) for e, p in facts.emotions.items()}, "pose": [round(v, 1) for v in facts.pose]}


def label_names(indices: np.ndarray) -> list[str | None]:
    """Cache labels (-1: none) as names."""
    return [EMOTIONS[i] if i >= 0 else None for i in indices]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``emoreason data talks``: caches of faces -> parquet rows for SFT and GRPO."""
    parser.add_argument("caches", nargs="*", help="npz caches made by emoreason train facenet-data")
    parser.add_argument("--clips", help="npz of key frames made by emoreason data frames")
    parser.add_argument("--clip-talks", type=int, default=3, help="rows for each clip (default: 3)")
    parser.add_argument("--clip-kinds", nargs="+", choices=tuple(CLIP_KINDS), default=list(CLIP_KINDS),
                        help="what is asked about clips (default: all)")
    parser.add_argument("--facenet", required=True, help="facenet.safetensors")
    parser.add_argument("--temperature", type=float, default=1.0, help="calibrates facenet's emotions")
    parser.add_argument("--talks", type=int, default=1, help="rows for each face")
    parser.add_argument("--pairs", type=float, default=0.0,
                        help="chance of two more rows after one, in which only the asked look differs (default: 0)")
    parser.add_argument("--brief", type=float, default=0.0,
                        help="share of these pairs whose answer is one sentence (default: 0)")
    parser.add_argument("--compared", type=float, default=0.125,
                        help="share of rows that compare two faces (default: 0.125)")
    parser.add_argument("--limit", type=int, help="so many faces of each cache, and clips")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skew", type=float, default=6.0, help="preference for the first wordings (1: none)")
    parser.add_argument("-o", "--out", required=True, help="the parquet file")


def run(args: argparse.Namespace) -> None:
    """Write the rows, atomically. Raises UserError for a missing cache."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from emoreason.facenet import load

    for path in [*args.caches, args.clips] if args.clips else args.caches:
        if not Path(path).is_file():
            maker = "data frames" if path == args.clips else "train facenet-data"
            raise UserError(f"{path} not found; make it with: emoreason {maker}")
    if not args.caches and not args.clips:
        raise UserError("nothing to talk about: name caches of faces, or --clips")
    net = load(args.facenet)
    faces: list[Seen] = []
    for path in args.caches:
        with np.load(path) as z:
            keep = np.random.default_rng(args.seed).permutation(len(z["grey"]))[:args.limit]
            rendered = "identity" in z.files
            truth = z["aus"][keep].astype(np.float32) if rendered else None
            faces += tqdm(seen_faces(net, z["grey"][keep], label_names(z["label"][keep]), truth, args.temperature),
                          total=len(keep), desc=Path(path).stem)
    made = list(rows(faces, Plain(args.seed, args.skew), args.talks, args.pairs, args.brief, args.compared))
    if args.clips:
        clips = clip_talks.load(net, args.clips, args.limit, args.temperature)
        told = clip_talks.rows(clips, Plain(args.seed, args.skew), args.clip_talks, args.clip_kinds)
        made += tqdm(told, desc="talks", total=len(clips) * args.clip_talks, mininterval=5)
        random.Random(args.seed).shuffle(made)
    temporary = Path(args.out).with_suffix(".tmp")
    pq.write_table(pa.Table.from_pylist(made, schema=_schema()), temporary)
    temporary.replace(args.out)
    print(f"{args.out}: {len(made)} talks")


def _schema() -> object:
    import pyarrow as pa

    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    names = [("images", pa.list_(pa.binary())), ("prompt", message), ("completion", message), ("course", pa.binary())]
    return pa.schema(names + [(name, pa.string()) for name in ("label", "aus", "measured", "seen", "kind")])
