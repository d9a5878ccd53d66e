"""Each reader on a small file of the exact form, each with one good and one bad record."""

import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emoreason.errors import UserError
from emoreason.sources import SOURCES, Record, Reject, read, to_dataset
from emoreason.sources.files import csv_rows, json_items
from emoreason.sources.record import Row

SHARED = Path(__file__).parents[2] / "shared" / "data"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def parts(name, path, **options):
    items = list(read(name, path, **options))
    return [i for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Reject)]


def test_every_reader_is_tested_here():
    text = Path(__file__).read_text()
    assert [n for n in SOURCES if f'parts("{n}"' not in text] == []


def test_fea20k(tmp_path):
    good = {"id": 7, "dataset": "DISFA", "image": ["a/1.jpg", "a/2.jpg"], "question": "Why?", "AUs": ["AU1", "AU04"],
            "labels": ["sadness"], "description": "<think>x (AU1)</think><answer>sadness</answer>", "meta_info": {}}
    rows = [good, good | {"id": 8, "AUs": [], "labels": []}, good | {"AUs": ["AU99"]}, good | {"labels": ["sleepy"]},
            good | {"is_valid": False}, good | {"image": None}]
    path = write(tmp_path / "fea.jsonl", "\n".join(map(json.dumps, rows)) + "\n{broken\n\n[1]\n")
    records, rejects = parts("fea20k", path)
    first, second = records
    assert (first.id, first.emotion, first.aus) == ("7", "sadness", {1: None, 4: None})
    assert first.media == str(tmp_path / "a/1.jpg") and first.extra["more_images"] == [str(tmp_path / "a/2.jpg")]
    assert second.aus is None and second.emotion is None
    assert [(r.line, r.field) for r in rejects] == [(3, "AUs"), (4, "labels"), (5, "is_valid"), (6, "image"),
                                                    (7, "record"), (9, "record")]


def test_faba(tmp_path):
    talk = [{"from": "human", "value": "<image>\nWhat AUs?"}, {"from": "gpt", "value": "AU12 is present, AU4 is absent."}]
    train = write(tmp_path / "train_au_anno.json", [
        {"source": "s", "image": "i.png", "id": "3", "conversations": talk, "landmark": "i.npy"},
        {"image": "i.png", "conversations": talk[:1]}])
    (record,), (reject,) = parts("faba", train)
    assert record.question == "What AUs?" and record.aus == {4: 0.0, 12: None} and reject.field == "conversations"
    codes = write(tmp_path / "eval_au_anno.json", [{"image": "i.png", "label": "1, 4, 25", "gpt4": "t", "landmark": "l"},
                                                   {"image": "j.png", "label": "3, 4"}])
    (record,), (reject,) = parts("faba", codes)
    assert {a for a, v in record.aus.items() if v is None} == {1, 4, 25} and record.aus[12] == 0 and "AU3" in reject.reason
    feelings = write(tmp_path / "eval_emotion_anno.json", [{"image": "i", "label": 4}, {"image": "j", "label": "Anger"},
                                                           {"image": "k", "label": "7"}])
    records, rejects = parts("faba", feelings)
    assert [r.emotion for r in records] == ["neutral", "anger"] and len(rejects) == 1


def test_expllm_maps_feafa_to_facs(tmp_path):
    values = [0.0] * 24
    values[11], values[12], values[4], values[23], values[6] = 0.2, 0.6, 1.0, 0.1, 0.4
    base = {"file_name": "test_1.jpg", "emo": "Happy", "description": "d"}
    path = write(tmp_path / "e.json", [base | {"au": values}, base | {"au": [0.0] * 24}, base | {"au": [2.0] * 24},
                                       base | {"au": [0.1] * 23}])
    (first, failed), rejects = parts("expllm", path)
    assert first.emotion == "happiness"
    assert {a: v for a, v in first.aus.items() if v} == {1: 2.0, 2: 2.0, 4: 5.0, 9: 0.5, 12: 3.0}
    assert first.extra["left_right"]["12"] == [1.0, 3.0]
    assert 0 not in first.aus and 6 not in first.aus, "AU6 is not coded there"
    assert failed.aus is None and [r.field for r in rejects] == ["au", "au"]


def test_emer(tmp_path):
    old = write(tmp_path / "gt-eng.csv", 'names,emotions,subtitles,reasons\n'
                's1,"sad, puzzled","Oh, no","He frowns, he sighs"\ns2,bored,,\n')
    (record,), (reject,) = parts("emer", old)
    assert record.emotion == "sadness" and record.extra == {"labels": "sad, puzzled", "subtitle": "Oh, no"}
    assert record.kind == "clip" and record.media.endswith("s1.mp4") and reject.field == "reasons"
    new = write(tmp_path / "final-EMER-reason.csv", "name,chinese,english\ns1,他,He frowns\n")
    (record,), _ = parts("emer", new)
    assert record.text == "He frowns" and record.extra["chinese"] == "他"
    with pytest.raises(UserError, match="line 1: no column 'english'"):
        list(read("emer", write(tmp_path / "x.csv", "name,chinese\ns1,他\n")))


def test_merr(tmp_path):
    write(tmp_path / "MERR_fine_grained.txt", "s1 70 happy -10\ns2 30 doubt -10\ns3 worried\n")
    write(tmp_path / "MERR_fine_grained.json", {
        "s1": {"AU_list": ["AU06", "AU12"], "peak_AU_list": ["AU12"], "peak_index": "4", "smp_reason_caption": "She smiles"},
        "s2": {"AU_list": [], "smp_reason_caption": "?"}, "s3": {"caption": "c"}, "s4": 5})
    (one, three), rejects = parts("merr", tmp_path)
    assert (one.emotion, one.aus, one.text) == ("happiness", {12: None}, "She smiles") and three.emotion == "anxiety"
    assert [r.field for r in rejects] == ["label", "record"]
    records, rejects = parts("merr", tmp_path / "MERR_fine_grained.txt")
    assert [r.id for r in records] == ["s1", "s3"] and records[0].extra == {"frames": 70}


def test_llava(tmp_path):
    ask = {"from": "human", "value": "<video>\n<audio>\nWhich emotion?"}
    rows = [{"video": "d/1.mp4", "conversations": [ask, {"from": "gpt", "value": "angry"}]},
            {"video": "d/2.mp4", "conversations": [ask, {"from": "gpt", "value": "<think>a</think>\n<answer>sad</answer>"},
                                                   ask, {"from": "gpt", "value": "Her brows are low and her lips tight."}]},
            {"video": "d/3.mp4", "problem": "<video>Which?", "solution": "<answer> happy </answer>"},
            {"image": "d/4.jpg", "conversations": [ask, {"from": "gpt", "value": "A man who is angry at the rain, I think."}]},
            {"video": "d/5.mp4", "conversations": [ask, ask]}]
    records, rejects = parts("llava", write(tmp_path / "h.json", rows))
    assert [r.emotion for r in records] == ["anger", "sadness", "happiness", None]
    assert [r.kind for r in records] == ["clip", "clip", "clip", "picture"]
    assert records[0].question == "Which emotion?" and len(records[1].extra["turns"]) == 1
    assert [r.field for r in rejects] == ["conversations"] and rejects[0].line == 1


def test_unifer(tmp_path):
    bench = write(tmp_path / "rafdb_qa.json", [
        {"image_path": "/t/1.jpg", "true_label": "Happy", "prompt": "Which?", "candidate_labels": ["Happy", "Sad"]},
        {"image_path": "/t/2.jpg", "true_label": "Neither"}])
    (record,), (reject,) = parts("unifer", bench, media_root=str(tmp_path))
    assert record.emotion == "happiness" and record.media == str(tmp_path / "t/1.jpg") and reject.field == "true_label"
    train = write(tmp_path / "cot.json", [
        {"image_path": "1.jpg", "question": "<image>Which?", "response": "<think>a</think><answer>unhappy</answer>"},
        {"image_path": "2.jpg", "problem": "Which?", "solution": "<answer>fear</answer>"}])
    records, _ = parts("unifer", train)
    assert [(r.emotion, r.question) for r in records] == [("sadness", "Which?"), ("fear", "Which?")]


def test_fec_bench(tmp_path):
    write(tmp_path / "test.json", [{"id": "0", "video": "DFEW/videos/1.mp4", "caption": "He blinks."}, {"id": "1"}])
    (record,), (reject,) = parts("fec_bench", tmp_path)
    assert (record.caption, record.extra, record.split) == ("He blinks.", {"dataset": "DFEW"}, "test")
    assert reject.field == "video"


def test_dfew(tmp_path):
    for split in ("train", "test"):
        write(tmp_path / f"EmoLabel_DataSplit/{split}(single-labeled)/set_2.csv", "video_name,label\n2961,1\n7,7\n8,8\n")
    records, rejects = parts("dfew", tmp_path, fold=2)
    assert [(r.emotion, r.split) for r in records[::2]] == [("happiness", "train"), ("happiness", "test")]
    assert records[1].emotion == "fear" and records[0].media.endswith("Clip/clip_224x224/02961") and len(rejects) == 2
    (tmp_path / "Clip/original").mkdir(parents=True)
    single = tmp_path / "EmoLabel_DataSplit/test(single-labeled)/set_2.csv"
    records, _ = parts("dfew", single)
    assert records[0].media == str(tmp_path / "Clip/original/2961.mp4") and records[0].split == "test"
    with pytest.raises(UserError, match="set_3.csv"):
        list(read("dfew", tmp_path, fold=3))


def test_ferv39k(tmp_path):
    for split in ("train", "test"):
        write(tmp_path / f"4_setups/All_scenes/{split}_All.csv", "Action/Sad/0010 Sad\nCrisis/Happy/0001 Glum\n")
    records, rejects = parts("ferv39k", tmp_path)
    assert [(r.id, r.emotion, r.split) for r in records] == [("Action/Sad/0010", "sadness", "train"),
                                                             ("Action/Sad/0010", "sadness", "test")]
    assert records[0].media == str(tmp_path / "2_ClipsforFaceCrop/Action/Sad/0010") and len(rejects) == 2


def test_mafw_keeps_its_eleven_labels(tmp_path):
    lines = "00001.mp4 anxiety\n00002.mp4 helplessness\n00003.mp4 disappointment\n00004.mp4 contempt\n00005.mp4 hunger\n6.mp4\n"
    for split in ("train", "test"):
        write(tmp_path / f"split/single/no_caption/set_1/{split}.txt", lines)
    records, rejects = parts("mafw", tmp_path)
    assert [r.emotion for r in records[:4]] == ["anxiety", "helplessness", "disappointment", "contempt"]
    assert [r.field for r in rejects[:2]] == ["label", "line"] and records[0].media == str(tmp_path / "data/clips/00001.mp4")


def test_raf_db(tmp_path):
    write(tmp_path / "basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 5\ntest_0001.jpg 1\ntest_0002.jpg 8\n")
    records, rejects = parts("raf_db", tmp_path)
    assert [(r.emotion, r.split) for r in records] == [("sadness", "train"), ("surprise", "test")] and len(rejects) == 1
    assert records[0].media == str(tmp_path / "basic/Image/aligned/train_00001_aligned.jpg")
    assert parts("raf_db", tmp_path / "basic/EmoLabel/list_patition_label.txt")[0][0].media == records[0].media
    write(tmp_path / "compound/EmoLabel/list_patition_label.txt", "train_1.jpg 9\n")
    assert parts("raf_db", tmp_path, form="compound")[0][0].emotion == "anger, surprise"
    other = tmp_path / "kaggle"
    write(other / "train_labels.csv", "image,label\na_aligned.jpg,4\n")
    (record,), _ = parts("raf_db", other)
    assert record.emotion == "happiness" and record.media == str(other / "train/4/a_aligned.jpg")


def test_affectnet(tmp_path):
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    path = write(tmp_path / "training.csv", head + "1/a.jpg,1,2,30,40,5;6,7,-0.5,0.1\n1/b.jpg,1,2,3,4,5,9,-2,-2\n"
                 "1/c.jpg,1,2,3,4,5,10,-2,-2\n1/d.jpg,1,2,3,4,5,8,0.25,0\n1/e.jpg,1,2,3,4,5,1,-2,-2\n")
    records, rejects = parts("affectnet", path)
    assert [(r.emotion, r.valence) for r in records] == [("contempt", -0.5), (None, 0.25), ("happiness", None)]
    assert records[0].extra["box"] == [1, 2, 31, 42] and records[0].split == "train" and len(rejects) == 2
    notes = tmp_path / "new/val_set/annotations"
    notes.mkdir(parents=True)
    for name, values in {"3": ("6", "-0.4", "0.5"), "4": ("99", "0", "0")}.items():
        for part, value in zip(("exp", "val", "aro"), values, strict=True):
            np.save(notes / f"{name}_{part}.npy", np.array(value))
    (record,), (reject,) = parts("affectnet", tmp_path / "new")
    assert (record.emotion, record.arousal, record.split) == ("anger", 0.5, "validation") and reject.field == "expression"
    assert record.media == str(tmp_path / "new/val_set/images/3.jpg")


PIXELS = " ".join(str(i % 256) for i in range(48 * 48))


def test_fer2013_in_its_three_forms(tmp_path):
    path = write(tmp_path / "csv/fer2013.csv", f'emotion, Usage, pixels\n0,Training,{PIXELS}\n6,PrivateTest,{PIXELS}\n'
                 f'7,Training,{PIXELS}\n3,Training,1 2 3\n')
    records, rejects = parts("fer2013", path)
    assert [(r.id, r.emotion, r.split) for r in records] == [("fer0000000", "anger", "train"),
                                                             ("fer0000001", "neutral", "test")]
    assert np.asarray(Image.open(io.BytesIO(records[0].image)))[0, 5] == 5
    assert [r.field for r in rejects] == ["emotion", "pixels"]

    import pyarrow as pa
    import pyarrow.parquet as pq
    table = pa.Table.from_pylist([{"image": {"bytes": records[0].image, "path": "T.jpg"}, "label": 3},
                                  {"image": {"bytes": b"", "path": "U.jpg"}, "label": 3}])
    (tmp_path / "pq").mkdir()
    pq.write_table(table, tmp_path / "pq/validation.parquet")
    (record,), (reject,) = parts("fer2013", tmp_path / "pq")
    assert (record.emotion, record.split, record.image) == ("happiness", "validation", records[0].image)
    assert reject.field == "image"

    (tmp_path / "folders/test/angry").mkdir(parents=True)
    (tmp_path / "folders/test/angry/1.png").write_bytes(records[0].image)
    (record,), _ = parts("fer2013", tmp_path / "folders")
    assert (record.source, record.emotion, record.split) == ("fer2013", "anger", "test") and record.picture() == records[0].image


def test_ferplus_votes(tmp_path):
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
    path = write(tmp_path / "fer2013new.csv", head + "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\n"
                 "PublicTest,fer0000001.png,5,0,0,5,0,0,0,0,0,0\nTraining,,0,0,0,0,0,0,0,0,0,10\n"
                 "Training,fer0000003.png,3,0,0,0,0,0,0,0,4,0\n")
    records, rejects = parts("ferplus", path)
    assert [(r.emotion, r.split) for r in records] == [("neutral", "train"), (None, "validation"), (None, "train")]
    assert records[0].votes["disgust"] == 2 and records[0].media.endswith("FER2013Train/fer0000000.png")
    assert [r.field for r in rejects] == ["NF"]
    write(tmp_path / "fer2013.csv", "emotion,pixels,Usage\n" + f"0,{PIXELS},Training\n" * 4)
    assert parts("ferplus", path)[0][0].image.startswith(b"\x89PNG")
    write(tmp_path / "fer2013.csv", "emotion,pixels,Usage\n" + f"0,{PIXELS},Training\n" * 3)
    with pytest.raises(UserError, match="not as many rows"):
        parts("ferplus", path)


def test_disfa(tmp_path):
    for a in (1, 12):
        write(tmp_path / f"ActionUnit_Labels/SN002/SN002_au{a}.txt", f"1,0\n2,{a % 5}\n3,{a}\n")
    (one, two), (reject,) = parts("disfa", tmp_path)
    assert (two.subject, two.aus, one.aus) == ("SN002", {1: 1.0, 12: 2.0}, {1: 0.0, 12: 0.0})
    assert two.extra == {"frame": 2} and two.media.endswith("LeftVideoSN002_comp.avi") and two.picture() is None
    assert "12" in reject.reason and reject.line == 3
    assert parts("disfa", tmp_path, every=2)[0][0].id == "SN002/1"
    extracted = parts("disfa", tmp_path, frames="p/{subject}/{frame:05d}.jpg")[0][1]
    assert extracted.media == str(tmp_path / "p/SN002/00002.jpg") and extracted.extra == {}
    with pytest.raises(UserError, match="frames="):
        parts("disfa", tmp_path, frames="{nobody}.jpg")


def test_bp4d_999_and_9_are_not_coded(tmp_path):
    write(tmp_path / "AU_OCC/F001_T1.csv", "0,1,2,3,4,6,12,99\n10,1,0,9,9,1,0,9\n11,0,999,9,1,1,0,9\n12,0,5,9,1,1,0,9\n")
    write(tmp_path / "AU_INT/AU06/F001_T1_AU06.csv", "10,3\n11,9\n")
    (one, two), (reject,) = parts("bp4d", tmp_path)
    assert one.aus == {1: None, 2: 0.0, 6: 3.0, 12: 0.0}, "AU4 was not coded: it is no absent AU"
    assert two.aus == {1: 0.0, 4: None, 6: None, 12: 0.0} and (one.subject, one.id) == ("F001", "F001_T1/10")
    assert reject.field == "2"
    made = write(tmp_path / "BP4D_all.json", '{"img_path": "2F01_T1/frame_5.jpg", "AUs": [1, 999, 4, 999]}\n')
    (record,), _ = parts("bp4d", made)
    assert record.aus == {1: None, 4: None} and record.subject == "2F01"


def test_crema_d_votes(tmp_path):
    row = '"{}",{},0,0,{},2,0,"1001_IEO_HAP_LO",11,0.5,"{}"\n'
    path = write(tmp_path / "processedResults/tabulatedVotes.csv",
                 '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"\n'
                 + row.format(100001, 5, 0, "A") + row.format(200001, 0, 9, "H") + row.format(200002, 4, 4, "A:H")
                 + row.format(200003, 4, 4, "A").replace("1001_", "x"))
    (one, tie), (reject,) = parts("crema_d", tmp_path)
    assert (one.emotion, one.subject, one.votes["happiness"]) == ("happiness", "1001", 9) and tie.emotion is None
    assert one.extra["intended"] == "happiness" and reject.field == "fileName"
    assert parts("crema_d", path, by="voice")[0][0].emotion == "anger"


def test_folders(tmp_path):
    for name in ("Angry/1.jpg", "joy/2.mp4", "joy/notes.txt", "stuff/3.jpg"):
        write(tmp_path / name, "x")
    records, rejects = parts("folders", tmp_path)
    assert [(r.id, r.emotion, r.kind) for r in records] == [("Angry/1.jpg", "anger", "picture"),
                                                           ("joy/2.mp4", "happiness", "clip")]
    assert len(rejects) == 1 and "stuff" in rejects[0].reason
    with pytest.raises(UserError, match="no record"):
        list(read("folders", tmp_path / "joy"))


def test_csv(tmp_path):
    path = write(tmp_path / "t.csv", "file,label,AU12_r,AU04,valence,split,subject\na.jpg,Happy,2.5,0,0.5,val,p1\n"
                 "b.jpg,,,,,,\nc.jpg,Happy,7,0,0,train,\nd.jpg,Happy\n")
    (one, two), rejects = parts("csv", path)
    assert (one.aus, one.emotion, one.split, one.subject) == ({4: 0.0, 12: 2.5}, "happiness", "validation", "p1")
    assert two.aus is None and two.emotion is None and two.valence is None and two.subject is None
    assert [(r.line, r.field) for r in rejects] == [(4, "AU12_r"), (5, "line")]
    other = write(tmp_path / "o.csv", "name,feeling\na.jpg,sad\n")
    with pytest.raises(UserError, match="no column image"):
        list(read("csv", other))
    assert parts("csv", other, columns={"image": "name", "emotion": "feeling"})[0][0].emotion == "sadness"


def test_synth(tmp_path):
    good = {"file": "p/1.png", "identity": 12, "aus": {"1": 0, "12": 3.5}, "emotion": "happiness", "valence": 0.6,
            "arousal": 0.3, "pose": [0, 1, 2], "landmarks": [[1, 2]], "sides": {"12": [4, 3], "14": [0.2, 1], "2": [0, 1]}}
    write(tmp_path / "labels.jsonl", "\n".join(map(json.dumps, [good, good | {"aus": {"12": 6}}, good | {"aus": {"x": 1}}, {"file": "p/2.png", "error": "no lips"}])))
    (record,), rejects = parts("synth", tmp_path)
    assert {a: v for a, v in record.aus.items() if v} == {12: 3.5} and record.aus[43] == 0, "what is not named is absent"
    assert (record.subject, record.extra["pose"], len(rejects)) == ("12", [0, 1, 2], 3)
    assert record.extra["sides"] == {"12": "right", "2": "left"}


# What holds for every reader.

def test_a_malformed_file_is_a_user_error_with_file_and_line(tmp_path):
    cut = write(tmp_path / "cut.json", '[\n{"id": "0", "video": "a", "caption": "c"},\n{"id": "1", "vid')
    items = read("fec_bench", cut)
    assert next(items).id == "0"
    with pytest.raises(UserError, match=r"cut\.json, line 3: not valid JSON"):
        next(items)
    for name, content, match in (("fec_bench", '{"a": {}}', "holds an object"), ("fec_bench", "[]", "no record"),
                                 ("fec_bench", '[{"id": 1}]', "not one record.*video"), ("fec_bench", "hello", "line 1"),
                                 ("csv", "image\na\xff", None)):
        path = tmp_path / "bad"
        path.write_bytes(content.encode("latin-1"))
        with pytest.raises(UserError, match=match or "not UTF-8"):
            list(read(name, path))


def test_unknown_names_paths_and_options(tmp_path):
    for call in (lambda: read("nope", tmp_path), lambda: read("csv", tmp_path / "no"), lambda: read("csv", tmp_path, a=1)):
        with pytest.raises(UserError):
            call()


def test_licence_and_row_round_trip(tmp_path):
    records, _ = parts("fec_bench", write(tmp_path / "t.json", [{"id": "0", "video": "a/b.mp4", "caption": "c"}]))
    assert records[0].licence == "research; FEC-Bench"
    full = Record("1", "s", image=b"x", votes={"fear": 2.0}, aus={4: None, 12: 0.0}, emotion="fear, surprise", extra={"é": [1]})
    assert Record.from_row(full.row()) == full
    for bad in ({"aus": {3: 1.0}}, {"aus": {4: 6.0}}, {"emotion": "joy"}, {"split": "dev"}, {"text": ""}, {"valence": 2.0}):
        with pytest.raises(ValueError):
            Record("1", "s", **bad)


@pytest.mark.parametrize("gap", ("", " ", "\n" * 70000))
def test_json_is_read_across_chunks(tmp_path, gap):
    items = [{"n": i, "s": "é\"]}" * i} for i in range(300)] + [123456, None, "x"]
    path = write(tmp_path / "a.json", "[" + f",{gap[:300] or ''}".join(json.dumps(i) for i in items) + gap + "]" + gap)
    assert [v for _, _, v in json_items(path)] == items
    long = write(tmp_path / "b.json", [{"s": "y" * 300_000}, {"n": 1}])
    assert [v for _, _, v in json_items(long)] == [{"s": "y" * 300_000}, {"n": 1}]


def test_memory_stays_flat(tmp_path):
    path = tmp_path / "big.json"
    with path.open("w") as f:
        entry = json.dumps({"id": "1", "video": "d/v.mp4", "caption": "word " * 400})
        f.write("[" + ",\n".join([entry] * 10_000) + "]")
    assert path.stat().st_size > 20e6
    tracemalloc.start()
    assert sum(1 for _ in read("fec_bench", path)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 2, "the file is never held (the interpreter's own tables may grow by some MB)"


def test_to_dataset_streams_and_reports_rejects(tmp_path, caplog):
    path = write(tmp_path / "t.csv", "image,emotion,AU12\na.jpg,sad,\nb.jpg,odd,\nc.jpg,joy,2\n")
    rows = list(to_dataset("csv", path))
    assert [r["emotion"] for r in rows] == ["sadness", "happiness"]
    assert rows[0]["aus"] is None and rows[1]["aus"] == [{"au": 12, "intensity": 2.0}]
    assert "1 records left out (emotion 1)" in caplog.text


def test_csv_with_a_quoted_newline_keeps_its_line_numbers(tmp_path):
    path = write(tmp_path / "t.csv", 'a,b\n"x\ny",1\nz\n')
    row, reject = csv_rows(path)
    assert isinstance(row, Row) and row.data["a"] == "x\ny" and (reject.line, reject.field) == (4, "line")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data folder")
def test_shared_sets():
    records, rejects = parts("fec_bench", SHARED / "fec_bench")
    assert (len(records), len(rejects)) == (800, 0)
    counts = {}
    for item in read("fer2013", SHARED / "fer2013"):
        counts[item.split] = counts.get(item.split, 0) + 1
    assert counts == {"train": 28709, "validation": 3589}
