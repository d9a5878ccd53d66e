"""Rewrite a tflite graph as ONNX: the operators of MediaPipe's face models, its custom ones among them.

Used by convert_mediapipe.py. Each operator is one function, registered under its tflite name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import flatbuffers.flexbuffers as flexbuffers
import numpy as np
import onnx
import tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from onnx import TensorProto, helper, numpy_helper

CODES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
DTYPES = {0: np.float32, 1: np.float16, 2: np.int32}


class Converter:
    """One tflite graph rewritten as ONNX. 4-D tensors are kept (N, C, H, W); ``flat`` gives tflite's own order."""

    def __init__(self, path: Path) -> None:
        self.model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.values: dict[int, tuple[str, bool]] = {}  # tensor -> (ONNX name, is it N, C, H, W)
        self.path = path
        self.constants = {i: self._constant(i) for i in range(self.graph.TensorsLength()) if self._is_constant(i)}

    def shape(self, i: int) -> list[int]:
        tensor = self.graph.Tensors(i)
        return [int(v) for v in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []

    def _is_constant(self, i: int) -> bool:
        tensor = self.graph.Tensors(i)
        return self.model.Buffers(tensor.Buffer()).DataLength() > 0 and tensor.Sparsity() is None

    def _constant(self, i: int) -> np.ndarray:
        tensor = self.graph.Tensors(i)
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(data, DTYPES[tensor.Type()]).reshape(self.shape(i))

    @functools.cache  # noqa: B019 - one converter a process and model
    def unpacked(self) -> Interpreter:
        """The interpreter after one run, for its sparse weights; with its default delegates these read as zeros."""
        interpreter = Interpreter(str(self.path), num_threads=1, experimental_preserve_all_tensors=True,
                                  experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        interpreter.allocate_tensors()
        interpreter.invoke()
        return interpreter

    def add(self, op: str, *inputs: str | np.ndarray, **attributes: object) -> str:
        """Append a node and return its output's name; arrays among the inputs become weights."""
        names = [self.weight(x) if isinstance(x, np.ndarray) else x for x in inputs]
        self.nodes.append(helper.make_node(op, names, [f"{op.lower()}_{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def weight(self, array: np.ndarray) -> str:
        name = f"w_{len(self.weights)}"
        half = array.dtype == np.float32 and array.size > 64 and np.array_equal(array, array.astype(np.float16))
        stored = array.astype(np.float16) if half else array
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(stored).reshape(array.shape), name))
        return self.add("Cast", name, to=TensorProto.FLOAT) if half else name

    def channels_first(self, i: int) -> str:
        name, is_nchw = self.values[i]
        if not is_nchw:
            raise SystemExit(f"tensor {i} is needed as N, C, H, W but is not: an operator before it is not supported")
        return name

    def flat(self, i: int) -> str:
        if i in self.constants:
            return self.weight(self.constants[i])
        name, is_nchw = self.values[i]
        return self.add("Transpose", name, perm=[0, 2, 3, 1]) if is_nchw else name

    def activate(self, name: str, kind: int) -> str:
        if kind == tflite.ActivationFunctionType.NONE:
            return name
        if kind == tflite.ActivationFunctionType.RELU:
            return self.add("Relu", name)
        raise SystemExit(f"activation {kind} is not one that MediaPipe's face models use")

    def window(self, op: object, i: int, height: int, width: int) -> dict[str, list[int]]:
        """Strides and tflite's padding (SAME puts the odd pixel at the end) of a convolution or a pooling."""
        stride, kernel, size = (op.StrideH(), op.StrideW()), (height, width), self.shape(i)[1:3]
        total = [0, 0]
        if op.Padding() == tflite.Padding.SAME:
            total = [max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in zip(size, stride, kernel, strict=True)]
        pads = [t // 2 for t in total] + [t - t // 2 for t in total]
        return {"strides": list(stride), "kernel_shape": list(kernel), "pads": pads}

    def run(self, scale: float, offset: float) -> dict[str, str]:
        """Convert every operator. Returns tflite's output names -> ONNX names, in tflite's order of axes."""
        picture = self.add("Transpose", self.add("Cast", "picture", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
        x = self.add("Mul", picture, np.float32([scale / 255]))
        self.values[int(self.graph.InputsAsNumpy()[0])] = (self.add("Add", x, np.float32([offset])), True)
        for k in range(self.graph.OperatorsLength()):
            op = self.graph.Operators(k)
            code = self.model.OperatorCodes(op.OpcodeIndex())
            name = CODES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            name = code.CustomCode().decode() if name == "CUSTOM" else name
            if name not in HANDLERS:
                raise SystemExit(f"operator {name} is not one that MediaPipe's face models use")
            HANDLERS[name](self, op, [int(v) for v in op.InputsAsNumpy()], int(op.OutputsAsNumpy()[0]))
        return {self.graph.Tensors(int(o)).Name().decode(): self.flat(int(o)) for o in self.graph.OutputsAsNumpy()}


Handler = Callable[[Converter, "tflite.Operator", list[int], int], None]
HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    def register(function: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, function))
        return function
    return register


def options(op: tflite.Operator, kind: type) -> object:
    table = kind()
    table.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
    return table


@handles("DENSIFY")
def densify(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    c.constants[o] = c.unpacked().get_tensor(o)


@handles("DEQUANTIZE")
def dequantize(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    c.constants[o] = c.constants[i[0]].astype(np.float32)


@handles("CONV_2D", "DEPTHWISE_CONV_2D")
def convolution(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    depthwise = op.BuiltinOptionsType() == tflite.BuiltinOptions.DepthwiseConv2DOptions
    opts = options(op, tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
    kernel = c.constants[i[1]].transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    window, groups = c.window(opts, i[0], *kernel.shape[2:]), len(kernel) if depthwise else 1
    name = c.add("Conv", c.channels_first(i[0]), kernel, c.constants[i[2]], group=groups, **window)
    c.values[o] = c.activate(name, opts.FusedActivationFunction()), True


@handles("MAX_POOL_2D")
def pool(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    opts = options(op, tflite.Pool2DOptions)
    name = c.add("MaxPool", c.channels_first(i[0]), **c.window(opts, i[0], opts.FilterHeight(), opts.FilterWidth()))
    c.values[o] = c.activate(name, opts.FusedActivationFunction()), True


@handles("PRELU")
def prelu(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    c.values[o] = c.add("PRelu", c.channels_first(i[0]), c.constants[i[1]].reshape(-1, 1, 1)), True


@handles("RELU")
def relu(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    c.values[o] = c.add("Relu", c.values[i[0]][0]), c.values[i[0]][1]


@handles("ADD")
def add(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    name = c.add("Add", c.channels_first(i[0]), c.channels_first(i[1]))
    c.values[o] = c.activate(name, options(op, tflite.AddOptions).FusedActivationFunction()), True


@handles("PAD")
def pad(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    before, after = c.constants[i[1]][[0, 3, 1, 2]].T.astype(np.int64)
    c.values[o] = c.add("Pad", c.channels_first(i[0]), np.concatenate([before, after])), True


@handles("RESIZE_BILINEAR")
def resize(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    opts = options(op, tflite.ResizeBilinearOptions)
    mode = "half_pixel" if opts.HalfPixelCenters() else "align_corners" if opts.AlignCorners() else "asymmetric"
    (height, width), (to_height, to_width) = c.shape(i[0])[1:3], c.shape(o)[1:3]
    scales = np.float32([1, 1, to_height / height, to_width / width])
    c.values[o] = c.add("Resize", c.channels_first(i[0]), "", scales, mode="linear",
                        coordinate_transformation_mode=mode), True


@handles("DEPTH_TO_SPACE")
def depth_to_space(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    block = options(op, tflite.DepthToSpaceOptions).BlockSize()
    c.values[o] = c.add("DepthToSpace", c.channels_first(i[0]), blocksize=block, mode="DCR"), True


@handles("RESHAPE")
def reshape(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    c.values[o] = c.add("Reshape", c.flat(i[0]), np.int64(c.shape(o))), False


@handles("CONCATENATION")
def concatenate(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    axis = options(op, tflite.ConcatenationOptions).Axis()
    c.values[o] = c.add("Concat", *[c.flat(k) for k in i], axis=axis), False


@handles("MUL")
def multiply(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    c.values[o] = c.add("Mul", c.flat(i[0]), c.flat(i[1])), False


@handles("STRIDED_SLICE")
def strided_slice(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    opts, size = options(op, tflite.StridedSliceOptions), c.shape(i[0])
    begin, end, step = (c.constants[k].astype(np.int64) for k in i[1:4])
    axes = np.arange(len(size))
    begin = np.where(opts.BeginMask() >> axes & 1, 0, begin)
    end = np.where(opts.EndMask() >> axes & 1, size, end)
    c.values[o] = c.add("Slice", c.flat(i[0]), begin, end, axes, step), False


@handles("Landmarks2TransformMatrix")
def landmarks_to_matrix(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    """(1, 468, 3) landmarks -> (1, 4, 4): pixels of a small grid -> pixels of the picture, such that the grid covers
    the upright box around a subset of the points, enlarged. Upright: the line between two given points is level."""
    opts = flexbuffers.Loads(bytes(op.CustomOptionsAsNumpy()))
    if opts["target_rotation_radians"]:
        raise SystemExit("a target rotation other than 0 is not one that MediaPipe's face models use")
    grid = np.float32([opts["output_width"], opts["output_height"]])
    points = c.add("Slice", c.flat(i[0]), np.int64([0]), np.int64([2]), np.int64([2]))
    line = c.add("Sub", *[c.add("Gather", points, np.int64(opts[k]).reshape(1), axis=1)
                          for k in ("right_rotation_idx", "left_rotation_idx")])
    line = c.add("Div", line, c.add("ReduceL2", line, axes=[2], keepdims=1))  # (1, 1, 2): cos, sin
    # x right, y down: rows (cos, sin), (-sin, cos) take a point into the upright frame.
    down = c.add("Mul", c.add("Gather", line, np.int64([1, 0]), axis=2), np.float32([-1, 1]))
    turn = c.add("Concat", line, down, axis=1)  # (1, 2, 2)
    subset = c.add("Gather", points, np.int64(opts["subset_idxs"]), axis=1)
    upright = c.add("MatMul", subset, c.add("Transpose", turn, perm=[0, 2, 1]))
    low, high = (c.add(k, upright, axes=[1], keepdims=1) for k in ("ReduceMin", "ReduceMax"))
    centre = c.add("MatMul", c.add("Mul", c.add("Add", low, high), np.float32([0.5])), turn)
    pixel = c.add("Mul", c.add("Sub", high, low), np.float32([opts["scale_x"], opts["scale_y"]]) / grid)
    columns = c.add("Transpose", c.add("Mul", turn, c.add("Transpose", pixel, perm=[0, 2, 1])), perm=[0, 2, 1])
    half = c.add("MatMul", columns, (grid / 2)[None, :, None])
    corner = c.add("Sub", c.add("Transpose", centre, perm=[0, 2, 1]), half)
    rows = c.add("Concat", columns, np.zeros((1, 2, 1), np.float32), corner, axis=2)
    c.values[o] = c.add("Concat", rows, np.eye(4, dtype=np.float32)[None, 2:], axis=1), False


@handles("TransformTensorBilinear")
def sample_grid(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    """Sample a small grid, placed by a 4x4 matrix, from a feature map; zeros outside."""
    opts, (height, width) = flexbuffers.Loads(bytes(op.CustomOptionsAsNumpy())), c.shape(i[0])[1:3]
    columns, rows = opts["output_width"], opts["output_height"]
    x, y = (g.ravel() for g in np.meshgrid(np.arange(columns), np.arange(rows)))
    moved = c.add("MatMul", c.flat(i[1]), np.float32([x, y, 0 * x, 0 * x + 1])[None])
    xy = c.add("Transpose", c.add("Slice", moved, np.int64([0]), np.int64([2]), np.int64([1])), perm=[0, 2, 1])
    xy = c.add("Sub", c.add("Mul", xy, np.float32([2 / (width - 1), 2 / (height - 1)])), np.float32([1]))
    grid = c.add("Reshape", xy, np.int64([1, rows, columns, 2]))
    c.values[o] = c.add("GridSample", c.channels_first(i[0]), grid, align_corners=1), True


@handles("TransformLandmarks")
def transform_landmarks(c: Converter, op: tflite.Operator, i: list[int], o: int) -> None:
    n = c.shape(i[0])[1]
    points = c.add("Concat", c.flat(i[0]), np.float32([[[0, 1]]]).repeat(n, 1), axis=2)
    moved = c.add("MatMul", points, c.add("Transpose", c.flat(i[1]), perm=[0, 2, 1]))
    c.values[o] = c.add("Slice", moved, np.int64([0]), np.int64([2]), np.int64([2])), False
