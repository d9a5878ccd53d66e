"""``fec-bench``: captions of facial dynamics against the 800 published references.

Word overlap (BLEU, ROUGE-L, CIDEr, METEOR where its dictionary is installed), AutoDQ and TEM (``tem``), and with a
judge Video-ChatGPT's four scores. Beside each result stands the floor: the caption of the next clip taken for this
one, which has the template but not the face. ``tem_above_floor`` = (tem - floor) / (1 - floor): 0 for the template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emoreason.eval import ngrams
from emoreason.eval.answers import Answer
from emoreason.eval.events import Event, parse_events
from emoreason.eval.judge import CRITERIA, EVENTS, RELATIONS, SCORE, Judge, JudgeError, hashes
from emoreason.eval.stats import bootstrap
from emoreason.eval.task import Context, Result, Task, unanswered
from emoreason.eval.tem import Match, f1, match
from emoreason.sources import Record

JUDGED = tuple(CRITERIA)
COLUMNS = ("correctness", "detail", "context", "temporal", "cider", "rouge_l", "autodq", "tem")
# As published (Zhao et al., Facial Dynamics in Video, 2025; later rows: the models' own reports); None: not reported.
# A * marks the second prompt of the figure, which it does not explain.
PUBLISHED: tuple[tuple[str, tuple[float | None, ...]], ...] = (
    ("GPT-4o", (4.18, 3.98, 4.50, 3.92, .225, .179, .410, .291)),
    ("GPT-4o *", (4.22, 3.97, 4.48, 3.90, .264, .213, .432, .303)),
    ("Claude 3.5", (4.11, 3.97, 4.41, 3.85, .212, .197, .420, .298)),
    ("Claude 3.5 *", (4.13, 4.01, 4.49, 4.05, .243, .228, .442, .307)),
    ("VideoLLaMA", (3.60, 3.67, 3.84, 3.50, .189, .196, .303, .199)),
    ("VideoChat", (None, None, None, None, .251, .192, .344, .229)),
    ("VideoChat2", (None, None, None, None, .202, .229, .311, .231)),
    ("Chat-UniVi", (None, None, None, None, .189, .231, .396, .261)),
    ("LLaVA-Next-Video", (None, None, None, None, .250, .249, .395, .276)),
    ("ShareGPT4Video", (None, None, None, None, .192, .205, .394, .278)),
    ("LLaMA-VID", (None, None, None, None, .195, .231, .339, .241)),
    ("VideoLLaMA2", (None, None, None, None, .253, .266, .344, .258)),
    ("PLLaVA", (None, None, None, None, .268, .250, .393, .257)),
    ("ST-LLM", (None, None, None, None, .213, .238, .321, .240)),
    ("Qwen2-VL-7B", (4.23, 4.16, 4.52, 4.02, .204, .233, .422, .309)),
    ("Tarsier", (None, None, None, None, .143, .185, .415, .292)),
    ("LLaVA-OneVision", (None, None, None, None, .115, .165, .379, .275)),
    ("FaceTrack-MM", (4.42, 4.30, 4.60, 4.26, .418, .473, .483, .364)),
    ("HumanOmni", (4.58, 4.41, 4.70, 4.41, .412, .468, .523, None)),
    ("FaVChat-Qwen3", (None, None, None, None, .447, .469, .523, None)),
)


def word_scores(captions: Sequence[str], references: Sequence[str]) -> dict[str, np.ndarray]:
    """Per item: bleu (N, 10) counts, rouge_l (N,), cider (N,), and meteor (N,) where its dictionary is present."""
    said = [ngrams.tokenize(c) for c in captions]
    gold = [[ngrams.tokenize(r)] for r in references]
    found = {"bleu": np.array([ngrams.bleu_counts(s, g) for s, g in zip(said, gold, strict=True)]).reshape(-1, 10),
             "rouge_l": np.array([ngrams.rouge_l(s, g) for s, g in zip(said, gold, strict=True)]),
             "cider": ngrams.cider(said, gold) if said else np.zeros(0)}
    meteor = ngrams.meteor(said, gold)
    return found if meteor is None else found | {"meteor": meteor}


def corpus_scores(words: dict[str, np.ndarray], events: np.ndarray, at: np.ndarray, prefix: str = "") -> dict[str, Any]:
    """The corpus figures over the items ``at``; ``events`` is ``event_table``, NaN for unscored items."""
    found: dict[str, Any] = {}
    if words:
        found |= {f"bleu_{n}": v for n, v in enumerate(ngrams.bleu(words["bleu"][at]), 1)}
        found |= {k: float(words[k][at].mean()) for k in ("rouge_l", "cider", "meteor") if k in words}
    table = events[at]
    table = table[~np.isnan(table[:, 0])]
    if len(table):
        precision, recall, tem_precision, tem_recall, against = table[:, :5].mean(0)
        orders = table[~np.isnan(table[:, 5]), 5]
        found |= {f"{prefix}tem": f1(tem_precision, tem_recall), f"{prefix}autodq": f1(precision, recall),
                  f"{prefix}order": float(orders.mean()) if len(orders) else None, f"{prefix}contradicted": against}
    return found


def event_table(matches: Sequence[Match | None]) -> np.ndarray:
    """(N, 6): AutoDQ precision, recall; TEM precision, recall; share contradicted; order share (NaN where no pair)."""
    def row(m: Match) -> tuple[float, ...]:
        order = float("nan") if m.order is None else m.order
        return m.precision, m.recall, m.tem_precision, m.tem_recall, m.contradicted, order

    return np.array([(float("nan"),) * 6 if m is None else row(m) for m in matches]).reshape(-1, 6)


def floor_of(references: Sequence[str], parsed: Sequence[Sequence[Event]]) -> dict[str, float]:
    """Every score of the next clip's reference taken as the prediction."""
    if len(references) < 2:
        return {}
    words = word_scores([*references[1:], references[0]], references)
    events = event_table([match(p, r) for p, r in zip([*parsed[1:], parsed[0]], parsed, strict=True)])
    found = corpus_scores(words, events, np.arange(len(references)))
    return {k: float(v) for k, v in found.items() if v is not None}


def _score(records: Sequence[Record], answers: Sequence[Answer | None], context: Context) -> Result:
    unscored = unanswered(records, answers)
    kept = [(r, a) for r, a in zip(records, answers, strict=True) if a is not None]
    references = [r.caption or "" for r, _ in kept]
    captions = [a.caption or "" for _, a in kept]
    parsed = [parse_events(r) for r in references]
    told = [parse_events(c) for c in captions]
    matches = [match(p, r) for p, r in zip(told, parsed, strict=True)]
    words, offline = word_scores(captions, references), event_table(matches)
    judged = _judge(context.judge, captions, references) if context.judge else None
    floor = floor_of(references, parsed)

    def metric(at: np.ndarray) -> dict[str, float | None]:
        found = corpus_scores(words, offline, at, "offline_" if judged else "")
        if judged:
            found |= corpus_scores({}, judged.events, at)
            found |= {n: float(np.nanmean(v[at])) for n, v in judged.scores.items() if not np.isnan(v[at]).all()}
        name = "offline_tem" if judged else "tem"
        if floor and name in found:
            found["tem_above_floor"] = (found[name] - floor["tem"]) / (1 - floor["tem"])
        return found

    rows = [{"id": r.id, "tem": m.tem, "autodq": m.autodq, "order": m.order, "contradicted": m.contradicted,
             "events": m.predicted, "reference_events": m.reference, "rouge_l": float(words["rouge_l"][i]),
             "cider": float(words["cider"][i]), "told": [str(e) for e in told[i]],
             "expected": [str(e) for e in parsed[i]]} for i, ((r, _), m) in enumerate(zip(kept, matches, strict=True))]
    metrics = bootstrap(metric, len(kept), context.seed, 300)
    by_parser = ("tem", "autodq", "order", "contradicted")  # no floor of the judge's is known: it was not asked for one
    shown = {f"offline_{k}" if judged and k in by_parser else k: v for k, v in floor.items()}
    result = Result(rows, unscored, metrics, floor=shown, notes=list(NOTES), tables=[_published(metrics, floor)])
    by_set: dict[str, list[int]] = {}
    for i, (r, _) in enumerate(kept):
        by_set.setdefault(str(r.extra.get("dataset", "")), []).append(i)
    result.tables.append(("By source of the clips", ["clips of", "n", "tem", "autodq", "rouge_l"], [
        [name, len(at), *(metric(np.array(at)).get(k) for k in ("tem", "autodq", "rouge_l"))]
        for name, at in sorted(by_set.items())]))
    if judged:
        for i, row in enumerate(rows):
            row["judge"] = judged.row(i)
        result.unscored |= {kept[i][0].id: why for i, why in judged.failed.items()}
        result.prompts = hashes(("events", EVENTS), ("relations", RELATIONS), ("score", SCORE + repr(CRITERIA)))
        result.notes.append(f"Judge: {context.judge.name}; {len(judged.failed)} of {len(kept)} items it could not "
                            "score. Scores named offline_ are the parser's.")
    return result


NOTES = (
    "TEM is our reading of the paper's three words (events, relations, longest common subsequence), which published no "
    "formula; figures of the published table are a judge's and not comparable to the offline parser's to the digit.",
    "The floor is the caption of the next clip taken for this one. Word overlap rewards the template: on the 800 "
    "references the floor's ROUGE-L (.326) lies above every zero-shot model's published ROUGE-L (.165-.266).",
    "Order is the order of telling; an event counts as the same only within about a third of the clip.",
)


class _Judged:
    def __init__(self, n: int) -> None:
        self.matches: list[Match | None] = [None] * n
        self.scores = {name: np.full(n, np.nan) for name in JUDGED}
        self.failed: dict[int, str] = {}
        self.events = np.zeros((0, 6))

    def row(self, i: int) -> dict[str, Any]:
        m = self.matches[i]
        found = {name: None if np.isnan(v[i]) else float(v[i]) for name, v in self.scores.items()}
        return found | {"tem": m.tem if m else None, "autodq": m.autodq if m else None, "note": self.failed.get(i, "")}


def _judge(judge: Judge, captions: Sequence[str], references: Sequence[str]) -> _Judged:
    from tqdm import tqdm

    found = _Judged(len(captions))
    for i, (said, gold) in enumerate(zip(tqdm(captions, desc="judge", disable=None), references, strict=True)):
        try:
            found.matches[i] = judge.match(said, gold)
            for name, criterion in CRITERIA.items():
                found.scores[name][i] = judge.score(SCORE, 0, 5, criterion=criterion, reference=gold, prediction=said)
        except JudgeError as e:
            found.failed[i] = str(e)
    found.events = event_table(found.matches)
    return found


def _published(metrics: dict[str, Any], floor: dict[str, float]) -> tuple[str, list[str], list[list[Any]]]:
    rows = [["this model", *(metrics.get(c, {}).get("value") for c in COLUMNS)],
            ["floor: the next clip's caption (offline)", *(floor.get(c) for c in COLUMNS)]]
    rows += [[name, *(None if v is None else f"{v:.2f}" if v > 1 else f"{v:.3f}" for v in values)]
             for name, values in PUBLISHED]  # to the digits published
    return "Beside the published table (*: a second prompt, which it does not explain)", ["model", *COLUMNS], rows


def _question(records: Sequence[Record]) -> str:
    from emoreason.captioning import CAPTION

    return CAPTION


FEC_BENCH = Task("fec-bench", "captions of facial dynamics: TEM, AutoDQ, CIDEr, ROUGE-L, BLEU; the floor beside them",
                 ("caption",), ("fec_bench",), _question, lambda r: bool(r.caption), _score, captions=True, judged=True)
