"""The filter, near-duplicates and splits: each rule with a text that passes and one that does not."""

import io
import random
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emoreason.data_pipeline.filter import REASONS, Pictures, Texts, check, picture_hash
from emoreason.data_pipeline.hooks import explain_record
from emoreason.data_pipeline.leakage import Guard, draw_split, verify
from emoreason.data_pipeline.sampling import random_facts
from emoreason.errors import UserError
from emoreason.sources import Record

SHARED = Path(__file__).parents[2] / "shared" / "data"
BASE = {"id": "1", "source": "s", "emotion": "sadness", "aus": {1: 2.5, 4: 1.4, 6: 0.0, 12: 0.0, 15: None},
        "valence": -0.5, "extra": {"sides": {"1": "left"}}}


def text(marks="Up (AU1, 2.4). Down (AU15).", words="It looks sad.", answer="sadness"):
    return f"<think>Key observations: {marks} Interpretation: {words}</think><answer>{answer}</answer>"


@pytest.mark.parametrize(("written", "change", "reason"), [
    (text(), {}, None),
    (text("Up (AU1, 2.4, left). Down (AU15). Not raised (AU12 absent)."), {}, None),
    ("It looks sad (AU1).", {}, "malformed"),
    (text("Up (AU1, 2.4). Down (AU15). Smile (AU12, 1.0)."), {}, "absent AU claimed"),
    (text("Up (AU1, 2.4). Down (AU15). Brows (AU4 absent)."), {}, "present AU denied"),
    (text("Up (AU1, 2.4). The corners are not down (AU15)."), {}, "present AU denied"),
    (text("Up (AU1, 2.4)."), {}, "AU missed"),
    (text("Down (AU15)."), {}, "AU missed"),
    (text("Up (AU1, 4.0). Down (AU15)."), {}, "intensity differs"),
    (text("Up (AU1, 2.4, right). Down (AU15)."), {}, "side differs"),
    (text("Up (AU1, 2.4). Down (AU15). Brows (AU4, 1.4, left)."), {}, "side differs"),
    (text("Up (AU1, 2.4, left). Down (AU15)."), {"extra": {}}, "beyond the evidence"),
    (text("Up (AU1, 2.4). Down (AU15, 3.0)."), {}, "beyond the evidence"),
    (text("Up (AU1, 2.4). Down (AU15). Chin (AU17, 2.0)."), {}, "beyond the evidence"),
    (text("Up (AU1, 2.4). Down (AU15). No chin (AU17 absent)."), {}, "beyond the evidence"),
    (text("Up (AU1, 2.4, 0.1-0.5 s). Down (AU15)."), {}, "beyond the evidence"),
    (text("Up (AU1, 2.4, 0.1-0.5 s). Down (AU15)."), {"kind": "clip", "extra": {"duration": 1.0}}, None),
    (text("Up (AU1, 2.4, 0.1-1.5 s). Down (AU15)."), {"kind": "clip", "extra": {"duration": 1.0}}, "beyond the evidence"),
    (text(words="AU12 makes it bitter."), {}, "beyond the evidence"),
    (text(words="He looks Asian and sad."), {}, "beyond the evidence"),
    (text(words="About 70 percent sadness."), {}, "beyond the evidence"),
    (text(words="About 70 percent sadness."), {"votes": {"sadness": 7.0, "fear": 3.0}}, None),
    (text(words="An unpleasant look."), {"valence": None}, "beyond the evidence"),
    (text(answer="fear"), {}, "conclusion differs"),
    (text(answer="none"), {}, None),
    (text(answer="fear"), {"emotion": None, "votes": {"fear": 5.0, "sadness": 5.0}}, None),
    (text(answer="anger"), {"emotion": None, "votes": {"fear": 5.0, "sadness": 5.0}}, "conclusion differs"),
    (text(answer="sadness"), {"emotion": None}, None),
    (text(answer="happiness"), {"emotion": None}, "beyond the evidence"),
    (text(words="Sad. Valence: 0.4."), {}, "valence or arousal differs"),
    (text("Up (AU1).", answer="sadness"), {"aus": None}, "beyond the evidence"),
])
def test_check(written, change, reason):
    found = check(written, Record(**BASE | change))
    assert (found and found.reason) == reason
    assert reason is None or reason in REASONS


def test_an_answer_about_one_region_need_not_name_all():
    assert check(text("Up (AU1, 2.4)."), Record(**BASE), complete=False) is None


def test_the_engine_passes_its_own_filter():
    """Whatever the annotation lacks: intensities, AUs, sides, label, valence."""
    rng = random.Random(3)
    kept = 0
    for i in range(300):
        f = random_facts(rng)
        whole = {a: round(v, 1) for a, v in f.aus.items()}
        for aus, emotion, valence in ((whole, f.top, f.valence), ({a: whole[a] for a in (1, 2, 4, 6, 12, 15, 25)}, f.top, None),
                                      ({a: None for a in f.present}, f.top, None)):
            record = Record(str(i), "s", aus=aus or None, emotion=emotion, valence=valence)
            made = explain_record(record, rng)
            kept += isinstance(made, tuple) and check(made[1], record, made[2]) is None
    assert kept > 0.85 * 900


def test_the_engine_asks_about_what_was_coded():
    """With the brows coded and nothing else, no question is about another AU, another region or a smile."""
    rng, asked = random.Random(1), []
    for i in range(600):
        made = explain_record(Record(str(i), "s", aus={1: 2.5, 2: 0.1, 4: 2.0}, emotion="sadness"), rng)
        asked.append(made[0].lower())
    named = {int(n) for q in asked for n in re.findall(r"\bau ?(\d+)", q)}
    assert named and named <= {1, 2, 4}, named
    assert any("brow" in q for q in asked)
    assert not [q for q in asked if re.search(r"\b(?:nose|mouth|lips?|cheeks?|jaw|chin|eyes|smil\w+)\b", q)]


def jpeg(array, quality=90, size=None):
    out = io.BytesIO()
    image = Image.fromarray(array)
    (image.resize(size) if size else image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def face(seed):
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 255, (9, 9), np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)
    return np.asarray(rough)


def test_picture_hash_finds_the_same_picture_again_and_no_other():
    seen = Pictures()
    assert seen.near(picture_hash(jpeg(face(0)))) == []
    for i in range(1100):  # more than one block
        seen.add(picture_hash(jpeg(face(i))), str(i), "train")
    for i in (0, 7, 1099):
        again = jpeg(np.clip(face(i) * 0.9 + 12, 0, 255).astype(np.uint8), quality=60, size=(64, 64))
        assert [n for n, _ in seen.near(picture_hash(again))] == [str(i)]
    assert seen.near(picture_hash(jpeg(face(5000)))) == []
    with pytest.raises(UserError, match="no picture that can be read"):
        picture_hash(b"no picture")


def test_texts_ignore_figures_but_not_words():
    seen = Texts()
    base = ("The inner brows are drawn up (AU1, 2.4). The lip corners are pulled down (AU15, 3.0), and the chin is raised. "
            "Raised inner brows with lowered lip corners are the mark of sadness, and nothing speaks against it.")
    seen.add(base, "a")
    assert seen.near(base.replace("2.4", "3.1").replace("3.0", "1.7")) == "a"
    assert seen.near(base.replace("drawn up", "pulled up").replace("mark", "sign").replace("chin", "jaw")) is None
    assert seen.near("") is None and seen.near("Short.") is None


def test_splits_by_subject():
    records = [Record(str(i), "s", subject=f"p{i % 300}") for i in range(900)]
    splits = [draw_split(r, seed=1) for r in records]
    assert len({(r.subject, s) for r, s in zip(records, splits, strict=True)}) == 300
    shares = {s: splits.count(s) / 900 for s in set(splits)}
    assert 0.85 < shares["train"] < 0.95 and shares["test"] > 0.02
    assert splits == [draw_split(r, seed=1) for r in records] != [draw_split(r, seed=2) for r in records]
    with pytest.raises(UserError, match="sum to 1"):
        draw_split(records[0], shares={"train": 0.5})


def test_guard_fails_on_a_subject_or_picture_that_crosses():
    one, same, other = (picture_hash(jpeg(face(i), quality=q)) for i, q in ((1, 90), (1, 50), (2, 90)))
    person = Record("1", "s", subject="p")
    verify([(person, "train", one), (Record("2", "s", subject="p"), "train", other)])
    verify([(person, "train", one), (Record("2", "t", subject="p"), "test", other)])  # another set's p
    with pytest.raises(UserError, match="subject p is in test and in train"):
        verify([(person, "train", one), (Record("2", "s", subject="p"), "test", other)])
    with pytest.raises(UserError, match="s 2 in test nearly repeats s 1 in train"):
        verify([(person, "train", one), (Record("2", "s"), "test", same)])
    guard = Guard("drop")
    guard.add(person, "train", one)
    assert guard.check(Record("2", "s"), "test", same).reason == "duplicate of another split"
    assert guard.check(Record("2", "s"), "train", same).reason == "duplicate picture"
    assert guard.check(Record("2", "s"), "train", other) is None
    assert Guard("drop", "keep").check(Record("2", "s"), "train", same) is None
    with pytest.raises(UserError):
        Guard("ignore")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data folder")
def test_near_pictures_of_fer2013_are_alike():
    """Pairs that the hash calls the same correlate as thumbnails, and there are many: FER2013 repeats itself."""
    from emoreason.sources import read

    seen, thumbs, found = Pictures(), {}, []
    for i, record in zip(range(3000), read("fer2013", SHARED / "fer2013" / "train.parquet"), strict=False):
        hashed = picture_hash(record.image)
        small = np.asarray(Image.open(io.BytesIO(record.image)).convert("L").resize((16, 16)), float).ravel()
        thumbs[str(i)] = small
        found += [float(np.corrcoef(small, thumbs[name])[0, 1]) for name, _ in seen.near(hashed)]
        seen.add(hashed, str(i))
    assert len(found) > 10 and min(found) > 0.95
