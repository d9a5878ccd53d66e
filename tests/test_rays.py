"""Captioning and evaluation on a local Ray: the same rows as without it."""

import json
from pathlib import Path

import cheap_captioner
import pytest
from make_clips import write
from PIL import Image
from test_caption import blush

from emoreason import caption
from emoreason.errors import UserError

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("rays")
    for name in ("a", "b", "crash", "bug"):
        write(root / f"{name}.mp4", blush(12))
    (root / "empty.mp4").write_bytes(b"")
    return caption.find([str(root)])


@pytest.fixture(autouse=True)
def found(monkeypatch):
    """Ray's processes find the captioner beside this file."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def rows(path):
    return {r["video"]: r for r in map(json.loads, path.read_text().splitlines())}


def test_ray_gives_the_same_rows(clips, tmp_path):
    made = {}
    for engine, batch in (("local", 1), ("ray", 2)):
        out = tmp_path / f"{engine}.jsonl"
        counts = caption.caption(clips, out, cheap_captioner.make, workers=2, batch=batch, quiet=True, engine=engine)
        assert (counts["clips"], counts["done"], counts["failed"]) == (5, 5, 3)
        made[engine] = rows(out)
    assert made["local"] == made["ray"]
    assert "killed" in next(r["error"] for v, r in made["ray"].items() if "crash" in v)
    again = caption.caption(clips, tmp_path / "ray.jsonl", cheap_captioner.make, quiet=True, engine="ray")
    assert again["done"] == 0


def test_a_model_that_is_not_there_ends_the_run(clips, tmp_path):
    with pytest.raises(UserError, match="missing"):
        caption.caption(clips, tmp_path / "o.jsonl", cheap_captioner.make_none, quiet=True, engine="ray")


def test_evaluation_on_ray(tmp_path):
    """Each actor makes the model for itself; of a group that a worker did not survive, one item fails."""
    from emoreason.eval.run import TASKS, evaluate

    data, made = tmp_path / "data", {}
    for emotion in ("anger", "happiness", "sadness"):
        (data / emotion).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (48, 48), 40 * i).save(data / emotion / f"{i}.png")
    for engine in ("local", "ray"):
        out = tmp_path / engine
        model = cheap_captioner.Bright(deadly=engine == "ray")
        made[engine] = evaluate(TASKS["fer"], data=data, out=out, model=model, workers=2, engine=engine), rows_of(out)
    (local, plain), (ray, rows) = made["local"], made["ray"]
    assert local["n"] == ray["n"] == len(rows) == 12
    died = [i for i, row in rows.items() if "error" in row]
    assert len(died) == ray["unscored"] == 3 and all("2.png" in i and "killed" in rows[i]["error"] for i in died)
    assert {i: r for i, r in rows.items() if i not in died} == {i: r for i, r in plain.items() if i not in died}
    assert evaluate(TASKS["fer"], data=data, out=tmp_path / "ray", model=cheap_captioner.Bright(), engine="ray")["unscored"] == 0


def rows_of(out):
    return {r["id"]: r for r in map(json.loads, (out / "predictions.jsonl").read_text().splitlines())}
