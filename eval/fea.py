"""``fea``: analyses of expressions (FEA-20K, FABA-Instruct): AUs, emotion and the words, by the peers' definitions.

- ``au_f1_macro``: mean over the AUs of the gold labels of the binary F1 over all items; predicted AUs outside that set
  are free. This is Facial-R1's evaluation; the usual protocol (task ``au``) fixes 8 or 12 AUs, thresholds and folds.
- ``au_f1_micro``: the same counts summed over these AUs. ``au_f1_strict``: predicted AUs outside the set count as wrong
  (micro over all AUs of FACS), which the peers do not report.
- ``accuracy``: the first emotion named, normalised, against the first label.
- ``rouge_l``: F1 of the whole output against the whole reference, tags included (as they do; no stemmer here).
- ``rege`` = S_re + S_ge (EmoLA, FABA-Bench), as percent: emotion accuracy, or the mean AU F1 on an AU-only set, plus
  ROUGE-L F1.
- ``judge``: 1-10 agreement of the analysis with the reference, with ``--judge``; a failure is unscored (peers: 0).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emoreason.eval.answers import Answer
from emoreason.eval.judge import AGREEMENT, JudgeError, hashes
from emoreason.eval.ngrams import rouge_l_f1
from emoreason.eval.stats import bootstrap, f1_of
from emoreason.eval.task import Context, Result, Task, means, reasoning, unanswered
from emoreason.facs import ACTION_UNITS
from emoreason.schema import is_present
from emoreason.sources import Record


def _score(records: Sequence[Record], answers: Sequence[Answer | None], context: Context) -> Result:
    unscored = unanswered(records, answers)
    kept = [(r, a) for r, a in zip(records, answers, strict=True) if a is not None]
    aus = sorted({a for r, _ in kept for a, v in (r.aus or {}).items() if is_present(v)})
    every = sorted(ACTION_UNITS)
    coded = np.array([r.aus is not None for r, _ in kept], bool)
    gold = np.array([[a in (r.aus or {}) and is_present((r.aus or {})[a]) for a in every] for r, _ in kept], bool)
    said = np.array([[a in (x.aus or {}) and is_present((x.aus or {})[a]) for a in every] for _, x in kept], bool)
    gold, said = (x.reshape(-1, len(every)) & coded[:, None] for x in (gold, said))
    inside = [every.index(a) for a in aus]
    labelled = np.array([r.emotion is not None for r, _ in kept], bool)
    correct = np.array([r.emotion is not None and x.emotion == r.emotion.split(", ")[0] for r, x in kept], float)
    told = np.array([r.text is not None for r, _ in kept], bool)
    rouge = np.array([rouge_l_f1(x.output or x.caption or "", r.text) if r.text else 0.0 for r, x in kept])
    judged, failed = _judge(kept, context)
    extra = reasoning([x for _, x in kept]) | {"judge": judged}

    def metric(at: np.ndarray) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        sums = np.array([x[at].sum(0) for x in (gold & said, said, gold)])
        if aus and coded[at].any():
            have = sums[2, inside] > 0
            found["au_f1_macro"] = float(f1_of(*sums[:, inside])[have].mean()) if have.any() else None
            found["au_f1_micro"] = float(f1_of(*sums[:, inside].sum(1)))
            found["au_f1_strict"] = float(f1_of(*sums.sum(1)))
        if labelled[at].any():
            found["accuracy"] = float(correct[at][labelled[at]].mean())
        if told[at].any():
            found["rouge_l"] = float(rouge[at][told[at]].mean())
            recognised = found.get("accuracy", found.get("au_f1_macro"))
            found["rege"] = None if recognised is None else 100 * (recognised + (found["rouge_l"] or 0.0))
        return found | means(extra, at)

    scores = f1_of(*np.array([x.sum(0) for x in (gold & said, said, gold)])) if kept else np.zeros(len(every))
    rows = [{"id": r.id, "gold_aus": [a for a, g in zip(every, gold[i], strict=True) if g],
             "aus": [a for a, s in zip(every, said[i], strict=True) if s], "gold": r.emotion, "predicted": x.emotion,
             "rouge_l": float(rouge[i]) if r.text else None, "judge": None if np.isnan(judged[i]) else float(judged[i]),
             "note": x.note} for i, (r, x) in enumerate(kept)]
    table = [[f"AU{a}", ACTION_UNITS[a].name, int(gold[:, k].sum()), int(said[:, k].sum()), float(scores[k])]
             for a, k in zip(aus, inside, strict=True)]
    return Result(rows, unscored | failed, bootstrap(metric, len(kept), context.seed, 300), floor=_floor(kept),
                  tables=[("Per AU", ["AU", "name", "gold", "predicted", "F1"], table)],
                  prompts=hashes(("agreement", AGREEMENT)) if context.judge else {},
                  notes=["au_f1_macro ignores predicted AUs outside the gold set, as the peers do; au_f1_strict counts "
                         "them.", "The floor is the next item's reference taken as the answer."])


def _judge(kept: Sequence[tuple[Record, Answer]], context: Context) -> tuple[np.ndarray, dict[str, str]]:
    scores, failed = np.full(len(kept), np.nan), {}
    for i, (record, answer) in enumerate(kept if context.judge else ()):
        if record.text is None:
            continue
        try:
            scores[i] = context.judge.score(AGREEMENT, 1, 10, reference=record.text,
                                            prediction=answer.output or answer.caption or "")
        except JudgeError as e:
            failed[record.id] = str(e)
    return scores, failed


def _floor(kept: Sequence[tuple[Record, Answer]]) -> dict[str, float]:
    texts = [r.text for r, _ in kept if r.text]
    if len(texts) < 2:
        return {}
    return {"rouge_l": float(np.mean([rouge_l_f1(a, b) for a, b in zip(texts[1:] + texts[:1], texts, strict=True)]))}


def _question(records: Sequence[Record]) -> str:
    from emoreason.prompts import DEFAULT_QUESTION

    return DEFAULT_QUESTION


FEA = Task("fea", "analyses of expressions: AU F1, emotion accuracy, ROUGE-L, REGE, judge score",
           ("emotion", "aus", "caption"),
           ("fea20k", "faba", "expllm", "csv"), _question,
           lambda r: bool(r.aus) or r.emotion is not None or r.text is not None, _score, judged=True)
