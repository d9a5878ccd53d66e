"""The Reasoner: media and a question in, an explanation with its evidence out. One object serves the command line,
the app, captioning and evaluation."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emoreason.checks import Checked, check
from emoreason.errors import UserError
from emoreason.facs import EMOTIONS
from emoreason.prompts import DEFAULT_QUESTION, note
from emoreason.records import CROP, Evidence, Face, FaceTrack, Quality
from emoreason.schema import Explanation

NANO = Path(__file__).parent / "assets" / "nano"
MAX_TOKENS = 320
RETRIES = 4


@dataclass(frozen=True)
class Answer:
    """One answer. media: as given; face: 1 is the largest, None when there is none; box (4,) xyxy pixels or None;
    text: what the model wrote; explanation: parsed, or None with ``problem`` saying why; evidence: facenet's;
    unsupported: AUs whose claim the evidence does not carry; seconds: to the first token and to the end; retried: the
    first attempt failed the check (see ``emoreason.checks``), and the best of some more stands here."""

    media: str
    question: str
    face: int | None
    box: tuple[float, float, float, float] | None
    text: str
    explanation: Explanation | None
    evidence: Evidence | None
    unsupported: tuple[int, ...] = ()
    problem: str | None = None
    seconds: tuple[float, float] = (0.0, 0.0)
    retried: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: media, face, box, the fields of Explanation by their names, evidence, unsupported, problem."""
        fields = self.explanation.to_dict() if self.explanation else {}
        levels = {str(a): round(v, 2) for a, v in self.evidence.intensities().items()} if self.evidence else None
        looks = None
        if self.evidence:
            looks = {e: round(float(p), 3) for e, p in zip(EMOTIONS, self.evidence.emotions[0], strict=True)}
        box = None if self.box is None else [round(v, 1) for v in self.box]
        return {"media": self.media, "question": self.question, "face": self.face, "box": box, **fields,
                "evidence": {"aus": levels, "emotions": looks}, "unsupported": list(self.unsupported),
                "problem": self.problem}


@dataclass(frozen=True)
class Subject:
    """One face of one picture or clip, found and ready to be asked about; ``track`` None: there is no face."""

    name: str
    index: int | None
    image: np.ndarray | None
    track: FaceTrack | None
    quality: Quality | None = None

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        return tuple(map(float, self.track.boxes[0])) if self.track is not None and self.image is not None else None


def find_subjects(source: Any, face: int | str | None = None, name: str | None = None) -> list[Subject]:
    """The faces of a picture (path, bytes, PIL, array): the largest, number ``face`` (from 1), or ``"all"``.

    Without a face: one Subject without a track. A ready-made crop counts as one face. Raises UserError for unreadable
    media and for a face number that does not exist.
    """
    import cv2

    from emoreason import faces, images
    from emoreason.processing import is_ready_crop

    label = name or (str(source) if isinstance(source, (str, os.PathLike)) else "picture")
    image = images.read(source, name)
    if is_ready_crop(image):
        crop = cv2.resize(image, (CROP, CROP), interpolation=cv2.INTER_CUBIC)
        quality = Quality(0.36 * CROP, 1.0, 1.0, 1.0)
        side = float(max(image.shape[:2]))
        found = Face(np.array([0, 0, side, side]), np.zeros((478, 3)), 1.0, np.zeros(3), quality, crop)
        return [Subject(label, 1, None, FaceTrack.from_face(found), quality)]
    found = faces.detect(image)
    if not found:
        return [Subject(label, None, image, None)]
    if face == "all":
        chosen = list(range(len(found)))
    else:
        number = 1 if face is None else int(face)
        if not 1 <= number <= len(found):
            raise UserError(f"{label} has {len(found)} face{'s' * (len(found) > 1)}; there is no face {number}")
        chosen = [number - 1]
    return [Subject(label, i + 1, image, FaceTrack.from_face(found[i]), found[i].quality) for i in chosen]


class Reasoner:
    """A loaded model that answers questions about faces. ``Reasoner.load("nano")`` or a checkpoint folder."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model.eval(), processor

    @classmethod
    def load(cls, model: str = "nano", device: str | None = None) -> Reasoner:
        """The bundled ``nano``, or a folder made by training here. Raises UserError when it does not fit, with the
        list of what is missing."""
        folder = NANO if model == "nano" else Path(model)
        if not (folder / "config.json").is_file():
            if model == "nano":
                raise UserError(f"the bundled model is missing at {folder}; reinstall emoreason")
            raise UserError(f"model {model!r} is neither 'nano' nor a folder with a config.json")
        import torch

        from emoreason.model import EmoReasonForConditionalGeneration
        from emoreason.processing import EmoReasonProcessor

        try:
            net, report = EmoReasonForConditionalGeneration.from_pretrained(folder, dtype=torch.float32,
                                                                            output_loading_info=True)
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as e:
            raise UserError(f"model folder {folder} cannot be loaded: {' '.join(str(e).split())[:300]}") from None
        missing = sorted(set(report["missing_keys"]) - {"lm_head.weight"})
        missing += [str(m[0]) for m in report["mismatched_keys"]]
        if missing:
            raise UserError(f"model folder {folder} does not fit: {len(missing)} weights missing or of another shape, "
                            f"first {', '.join(missing[:3])}")
        from transformers import PreTrainedTokenizerFast

        processor = EmoReasonProcessor(PreTrainedTokenizerFast.from_pretrained(folder))
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(net.to(device), processor)

    def ask(self, source: Any, question: str = DEFAULT_QUESTION, face: int | str | None = None,
            name: str | None = None) -> list[Answer]:
        """One answer for each chosen face of a picture; see ``find_subjects``."""
        return [self.answer([s], question) for s in find_subjects(source, face, name)]

    def compare(self, first: Any, second: Any, question: str = "Compare the two faces.") -> Answer:
        """One answer about the largest faces of two pictures."""
        return self.answer([find_subjects(s)[0] for s in (first, second)], question)

    def answer(self, subjects: Sequence[Subject], question: str, history: Sequence[dict] = ()) -> Answer:
        """``stream`` drained: the Answer."""
        for piece in self.stream(subjects, question, history):
            if isinstance(piece, Answer):
                return piece
        raise AssertionError("stream ends with an Answer")

    def stream(self, subjects: Sequence[Subject], question: str,
               history: Sequence[dict] = ()) -> Iterator[str | Answer]:
        """Pieces of text as they are written, then the Answer, checked against the evidence: where the first attempt
        fails the check, more are drawn and the best stands in the Answer, so that its text may differ from the pieces.
        history: earlier turns about the same subjects, as {"role", "content"} with plain text."""
        start = time.perf_counter()
        lead = subjects[0]
        missing = [s for s in subjects if s.track is None]
        if missing:
            where = f" in {missing[0].name}" if len(subjects) > 1 else ""
            x = Explanation(interpretation=f"No face was found{where}, so there is nothing to read.")
            yield x.interpretation
            yield Answer(lead.name, question, None, None, x.interpretation, x, None,
                         seconds=(time.perf_counter() - start,) * 2)
            return
        inputs = self._inputs(subjects, question, history)
        evidence = self.model.evidence(inputs["pixel_values"])
        text, first = "", 0.0
        for piece in self._generate(inputs):
            first = first or time.perf_counter() - start
            text += piece
            yield piece
        checked = check(text, evidence)
        retried = checked.fails
        if retried:
            drawn = [check(t, evidence) for t in self._sample(inputs, RETRIES)]
            checked = min([checked, *drawn], key=Checked.faults)
        yield Answer(lead.name, question, lead.index, lead.box, checked.text, checked.explanation, evidence[0],
                     checked.unsupported, checked.problem, (first, time.perf_counter() - start), retried)

    def _inputs(self, subjects: Sequence[Subject], question: str, history: Sequence[dict]) -> Any:
        from emoreason.processing import Media

        limits = [r for s in subjects if s.quality is not None for r in s.quality.reasons]
        words = note(("the face cannot be read: " + "; ".join(limits),)) if limits else ""
        media = [{"type": "image", "image": Media.of(s.image, s.track)} for s in subjects]
        turns = [dict(t) for t in history] + [{"role": "user", "content": question}]
        turns[0]["content"] = [*media, {"type": "text", "text": words + turns[0]["content"]}]
        text = self.processor.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return self.processor(images=[m["image"] for m in media], text=[text]).to(self.model.device)

    def _sample(self, inputs: Any, count: int) -> list[str]:
        """``count`` further texts, drawn at temperature 0.7 with a fixed seed."""
        import torch

        tokenizer = self.processor.tokenizer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            ids = self.model.generate(**inputs, max_new_tokens=MAX_TOKENS, do_sample=True, temperature=0.7, top_p=0.95,
                                      num_return_sequences=count, eos_token_id=tokenizer.eos_token_id,
                                      pad_token_id=tokenizer.pad_token_id)
        return tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1]:], skip_special_tokens=True)

    def _generate(self, inputs: Any) -> Iterator[str]:
        from transformers import TextIteratorStreamer

        tokenizer = self.processor.tokenizer
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
        failure: list[BaseException] = []

        def work() -> None:
            try:
                self.model.generate(**inputs, max_new_tokens=MAX_TOKENS, do_sample=False, streamer=streamer,
                                    eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
            except BaseException as e:  # handed to the caller below
                failure.append(e)
                streamer.end()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield from (piece for piece in streamer if piece)
        thread.join()
        if failure:
            raise failure[0]
