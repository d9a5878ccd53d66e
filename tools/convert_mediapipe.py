"""Make the bundled face models from the Apache-2.0 wheel mediapipe 0.10.21, as ONNX with fp16 weights.

    pip install -e '.[convert]'
    python tools/convert_mediapipe.py                    # downloads the wheel with pip (35 MB), nothing is installed
    python tools/convert_mediapipe.py --wheel FILE.whl   # uses a wheel that is here already

Writes three models and MediaPipe's LICENSE to emoreason/assets/faces (the NOTICE beside them is written by hand):

    blazeface_short.onnx   picture (1, 128, 128, 3) uint8 RGB -> scores (1, 896), points (1, 896, 8, 2)
    blazeface_full.onnx    picture (1, 192, 192, 3) uint8 RGB -> scores (1, 2304), points (1, 2304, 8, 2)
    facemesh.onnx          picture (1, 192, 192, 3) uint8 RGB -> landmarks (1, 478, 3) input pixels, score (1,)

``points`` are, relative to each anchor and in units of the input's side: centre, (width, height), six key points.
Scores are probabilities. The weights in the tflite files are fp16 already, so storing them so loses nothing;
the arithmetic stays fp32. Both detectors are run beside the tflite interpreter and must agree.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper
from tflite_to_onnx import Converter

WHEEL = "mediapipe==0.10.21"
MODELS = {  # our name: (path in the wheel, its sha256, input range as (scale, offset) on uint8)
    "blazeface_short": ("mediapipe/modules/face_detection/face_detection_short_range.tflite", "bbff11ce", (2, -1)),
    "blazeface_full": ("mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite", "2c3728e6", (2, -1)),
    "facemesh": ("mediapipe/modules/face_landmark/face_landmark_with_attention.tflite", "e06a804e", (1, 0)),
}
# Which of the 468 mesh points the attention heads refine: MediaPipe's tensors_to_face_landmarks_with_attention.pbtxt.
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87,
        14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415, 76, 77, 90, 180, 85, 16, 315, 404, 320,
        307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42,
        41, 38, 12, 268, 271, 272, 407)
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26,
            112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223,
            222, 221, 189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66,
            107, 55, 193)
RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253,
             252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342,
             445, 444, 443, 442, 441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465,
             383, 300, 293, 334, 296, 336, 285, 417)
EYE_CONTOUR = 16  # the first entries of an eye's list: their mean depth is the iris's depth


def name_outputs(c: Converter, **outputs: str) -> None:
    c.nodes += [helper.make_node("Identity", [inner], [name]) for name, inner in outputs.items()]


def finish_detector(c: Converter, outputs: dict[str, str], side: int) -> dict[str, list[int]]:
    points, scores = outputs.values()
    n = c.shape(int(c.graph.OutputsAsNumpy()[0]))[1]
    points = c.add("Mul", c.add("Reshape", points, np.int64([1, n, 8, 2])), np.float32([1 / side]))
    scores = c.add("Sigmoid", c.add("Reshape", scores, np.int64([1, n])))
    name_outputs(c, points=points, scores=scores)
    return {"scores": [1, n], "points": [1, n, 8, 2]}


def finish_mesh(c: Converter, outputs: dict[str, str], side: int) -> dict[str, list[int]]:
    """The refined lips, eyes and irises take their places among the 468 mesh points; irises become 468-477."""
    def points(name: str, width: int) -> str:
        return c.add("Reshape", outputs[name], np.int64([1, -1, width]))
    mesh = points("output_mesh_identity", 3)
    heads = ("output_lips", "output_left_eye", "output_right_eye", "output_left_iris", "output_right_iris")
    flat = [c.add("Slice", mesh, np.int64([0]), np.int64([2]), np.int64([2]))] + [points(h, 2) for h in heads]
    source = np.arange(478)  # rows of the concatenation that the 478 points come from
    source[list(LIPS + LEFT_EYE + RIGHT_EYE)] = 468 + np.arange(len(LIPS + LEFT_EYE + RIGHT_EYE))
    source[468:] = 468 + len(LIPS + LEFT_EYE + RIGHT_EYE) + np.arange(10)
    xy = c.add("Gather", c.add("Concat", *flat, axis=1), source, axis=1)
    depth = c.add("Slice", mesh, np.int64([2]), np.int64([3]), np.int64([2]))
    irises = [c.add("Expand", c.add("ReduceMean", c.add("Gather", depth, np.int64(eye[:EYE_CONTOUR]), axis=1), axes=[1],
                                    keepdims=1), np.int64([1, 5, 1])) for eye in (LEFT_EYE, RIGHT_EYE)]
    landmarks = c.add("Concat", xy, c.add("Concat", depth, *irises, axis=1), axis=2)
    score = c.add("Sigmoid", c.add("Reshape", outputs["conv_faceflag"], np.int64([1])))
    name_outputs(c, landmarks=landmarks, score=score)
    return {"landmarks": [1, 478, 3], "score": [1]}


def convert(source: Path, target: Path, scale: float, offset: float) -> None:
    c = Converter(source)
    side = c.shape(int(c.graph.InputsAsNumpy()[0]))[1]
    finish = finish_mesh if target.stem == "facemesh" else finish_detector
    outputs = finish(c, c.run(scale, offset), side)
    graph = helper.make_graph(
        c.nodes, target.stem, [helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, side, side, 3])],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in outputs.items()], c.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, target)


def check_detector(source: Path, target: Path) -> float:
    """Largest difference of the points, in input pixels, between the tflite interpreter and the ONNX model."""
    import onnxruntime
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    reference = Interpreter(str(source), num_threads=1)
    reference.allocate_tensors()
    side = int(reference.get_input_details()[0]["shape"][1])
    picture = np.kron(picture, np.ones((side // 8, side // 8, 1), np.uint8))[None]
    reference.set_tensor(reference.get_input_details()[0]["index"], picture / np.float32(127.5) - 1)
    reference.invoke()
    tensors = [reference.get_tensor(o["index"]) for o in reference.get_output_details()]
    want = next(t for t in tensors if t.shape[-1] == 16)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(["points"], {"picture": picture})[0].reshape(want.shape) * side - want).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"the wheel of {WHEEL}; default: download it with pip")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "emoreason" / "assets" / "faces")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = args.wheel
        if wheel is None:
            # The model files are the same in the wheel of every system; this one exists for certain.
            subprocess.run([sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--only-binary", ":all:", "-d",
                            folder, "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"], check=True)
            wheel = next(Path(folder).glob("mediapipe-*.whl"))
        args.out.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            licence = next(n for n in archive.namelist() if n.endswith("dist-info/LICENSE"))
            (args.out / "LICENSE").write_bytes(archive.read(licence))
            for name, (path, digest, (scale, offset)) in MODELS.items():
                source, target = Path(archive.extract(path, folder)), args.out / f"{name}.onnx"
                if (found := hashlib.sha256(source.read_bytes()).hexdigest()[:8]) != digest:
                    raise SystemExit(f"{path} in {wheel.name} has sha256 {found}..., not {digest}...: use {WHEEL}")
                convert(source, target, scale, offset)
                difference = None if name == "facemesh" else check_detector(source, target)
                if difference is not None and difference > 0.01:
                    raise SystemExit(f"{name} differs from its source by {difference:.3f} px")
                print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB"
                      + ("" if difference is None else f", differs from the source by {difference:.1e} px"))


if __name__ == "__main__":
    main()
