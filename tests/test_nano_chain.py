"""The chain that makes the bundled weights, from nothing to a model that answers, with everything very small."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from emoreason.engines import load
from emoreason.training.heldout import answers, read

ROOT = Path(__file__).resolve().parents[1]
FACES = ROOT.parent / "shared" / "data" / "ict_face" / "ict_face.npz"
PAIRED = "browDown browOuterUp eyeBlink eyeSquint eyeWide mouthFrown mouthPress mouthSmile mouthStretch mouthUpperUp".split()
BLENDSHAPES = ["browInnerUp", "jawOpen", "mouthFunnel", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
               *(stem + side for stem in PAIRED for side in ("Left", "Right"))]
SMALL = {"epochs": 1, "steps": 2, "batch": 8, "render_batch": 8, "warmup": 1, "save_every": 1, "save_steps": 1, "workers": 0, "threads": 2}
LOOP = {"ask": {"k": 2, "limit": 3, "keep": 2}, "mixed": 8, "questions": 3}


def pictures(folder: Path, count: int, seed: int) -> None:
    """FER2013 and its teacher's file in miniature: grey noise with labels, blendshapes and points drawn anew."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (48, 48), np.uint8)).save(file, "PNG")
        rows.append({"image": {"bytes": file.getvalue(), "path": None}, "label": int(rng.integers(7))})
    (folder / "teacher").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{'validation' if seed else 'train'}.parquet")
    np.savez(folder / "teacher" / f"{'validation' if seed else 'train'}.npz", names=np.array(BLENDSHAPES), blend=rng.random((count, 2, len(BLENDSHAPES))),
             points=rng.random((count, 68, 2)), pose=rng.normal(0, 5, (count, 3)))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not FACES.is_file(), reason="needs the ICT face model")
def test_the_whole_chain_runs(tmp_path):
    pictures(tmp_path / "fer", 24, 0)
    pictures(tmp_path / "fer", 16, 1)
    (tmp_path / "configs" / "nano").mkdir(parents=True)
    for file in (ROOT / "configs" / "nano").glob("*.yaml"):
        config = yaml.safe_load(file.read_text())
        config = {k: SMALL.get(k, v) for k, v in config.items() if k != "kinds"} | (LOOP if file.stem == "loop" else {})
        (tmp_path / "configs" / "nano" / file.name).write_text(yaml.safe_dump(config))
    env = os.environ | {"FER": "fer", "TEACHER": "fer/teacher", "FACES": str(FACES), "BIN": str(Path(sys.executable).parent), "RENDERS": "16",
                        "UNSEEN": "8", "CLIPS": "2", "QUESTIONS": "3", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(["bash", str(ROOT / "tools" / "nano.sh")], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    model = tmp_path / "runs" / "nano" / "loop" / "model"
    assert load(str(model)).native
    assert len(answers(str(model), read(str(tmp_path / "runs" / "nano" / "held.parquet"), 2), longest=16)) == 2
