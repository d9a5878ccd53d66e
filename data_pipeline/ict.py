"""The ICT face model (MIT): vertices, expression and identity offsets, texture coordinates, landmarks.

Units are centimetres; x points to the subject's left (the image's right), y up, z towards the camera.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from emoreason.data_pipeline import raster
from emoreason.errors import UserError

FACE, HEAD, GUMS, TEETH, EYE, LASH, SOCKET, HAIR, FRAME = range(9)
MAP = 512  # side of the maps from texture to surface
FIRST_SOCKET = 11248  # vertices of M_BackHead from here on line the eye sockets and the mouth
_KEPT = {"M_Face": FACE, "M_BackHead": HEAD, "M_GumsTongue": GUMS, "M_Teeth": TEETH, "M_ScleraLeft": EYE,
         "M_ScleraRight": EYE, "M_EyeLashes": LASH}
_KEYS = ("neutral", "expressions", "expression_names", "identities", "uv", "quads", "quads_uv", "quad_material",
         "materials", "landmarks68")


@dataclass(frozen=True)
class FaceModel:
    """The parts that the renderer draws, as triangles.

    vertices (V, 3) cm; expressions: name -> (indices (k,), offsets (k, 3) cm at weight 1); identities (I, V, 3)
    offsets per standard deviation; triangles (T, 3) and their corners in uv (T, 3); materials (T,);
    uv (U, 2) in [0, 1] from the lower left (head: 1-2 across); landmarks (68,) vertices; vertex_material (V,);
    face_map, head_map (MAP, MAP, 3): the neutral position in cm under each texel, NaN where there is none;
    eyes (2, 4): centre and radius in cm of the subject's right and left eyeball.
    """

    vertices: np.ndarray
    expressions: dict[str, tuple[np.ndarray, np.ndarray]]
    identities: np.ndarray
    triangles: np.ndarray
    triangles_uv: np.ndarray
    materials: np.ndarray
    uv: np.ndarray
    vertex_uv: np.ndarray
    vertex_material: np.ndarray
    landmarks: np.ndarray
    face_map: np.ndarray
    head_map: np.ndarray
    eyes: np.ndarray


def find(path: str | Path | None = None) -> Path:
    """The model file: ``path``, else $EMOREASON_FACE_MODEL. Raises UserError when there is none."""
    given = path or os.environ.get("EMOREASON_FACE_MODEL")
    if not given:
        raise UserError("no face model: give --face-model PATH/ict_face.npz or set EMOREASON_FACE_MODEL "
                        "(docs/synthetic.md says how to get it)")
    file = Path(given).expanduser()
    file = file / "ict_face.npz" if file.is_dir() else file
    if not file.is_file():
        raise UserError(f"no face model at {file}: give --face-model PATH/ict_face.npz (see docs/synthetic.md)")
    return file


@lru_cache(maxsize=2)
def load(path: str | Path) -> FaceModel:
    """Read the model from an npz file (about a second). Raises UserError when it is not the ICT model."""
    try:
        with np.load(find(path), allow_pickle=False) as data:
            z = {key: data[key] for key in _KEYS}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not the ICT face model ({error}); it must hold {', '.join(_KEYS)}") from None
    names = [str(n) for n in z["materials"]]
    kind = np.array([_KEPT.get(n, -1) for n in names])[z["quad_material"]]
    keep = kind >= 0
    quads, quads_uv, kind = z["quads"][keep], z["quads_uv"][keep], kind[keep].astype(np.int32)
    kind[(kind == HEAD) & (quads.min(1) >= FIRST_SOCKET)] = SOCKET
    used = np.unique(quads)
    new = np.full(len(z["neutral"]), -1, np.int64)
    new[used] = np.arange(len(used))
    corners, corners_uv, materials = new[_split(quads)], _split(quads_uv), np.concatenate([kind, kind])
    solid = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 0] != corners[:, 2])
    triangles = np.ascontiguousarray(corners[solid], dtype=np.int32)
    triangles_uv = np.ascontiguousarray(corners_uv[solid], dtype=np.int32)
    materials = np.ascontiguousarray(materials[solid])
    vertices = np.ascontiguousarray(z["neutral"][used], dtype=np.float32)
    uv = z["uv"].astype(np.float32)
    vertex_uv = np.zeros((len(vertices), 2), np.float32)
    vertex_uv[triangles.ravel()] = uv[triangles_uv.ravel()]
    vertex_material = np.zeros(len(vertices), np.int32)
    vertex_material[triangles.ravel()] = np.repeat(materials, 3)
    return FaceModel(
        vertices, _sparse(z["expression_names"], z["expressions"][:, used]),
        np.ascontiguousarray(z["identities"][:, used], dtype=np.float32), triangles, triangles_uv, materials, uv,
        vertex_uv, vertex_material, new[z["landmarks68"]],
        _surface(vertices, triangles, triangles_uv, uv, materials == FACE, 0.0),
        _surface(vertices, triangles, triangles_uv, uv, materials == HEAD, 1.0),
        np.stack([sphere(vertices[(vertex_material == EYE) & (vertices[:, 0] * s > 0)]) for s in (-1, 1)]))


def _split(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _sparse(names: np.ndarray, offsets: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    shapes = {}
    for name, full in zip(names, offsets.astype(np.float32), strict=True):
        index = np.nonzero(np.abs(full).max(1) > 0.004)[0].astype(np.int32)
        shapes[str(name)] = (index, np.ascontiguousarray(full[index]))
    return shapes


def _surface(vertices: np.ndarray, triangles: np.ndarray, triangles_uv: np.ndarray, uv: np.ndarray,
             part: np.ndarray, shift: float) -> np.ndarray:
    """(MAP, MAP, 3) position under each texel of one part, NaN outside it."""
    flat = np.ones((len(uv), 3), np.float32)
    flat[:, 0], flat[:, 1] = (uv[:, 0] - shift) * MAP, (1 - uv[:, 1]) * MAP
    corners_uv = np.ascontiguousarray(triangles_uv[part])
    index = np.full((MAP, MAP), -1, np.int32)
    weights = np.zeros((MAP, MAP, 2), np.float32)
    raster.flat(flat, corners_uv, index, weights)
    corners = vertices[triangles[part][index]]
    w = np.concatenate([1 - weights.sum(-1, keepdims=True), weights], -1)
    out = np.einsum("hwkc,hwk->hwc", corners, w).astype(np.float32)
    out[index < 0] = np.nan
    for _ in range(4):  # reach a little over the seams, where the shading blends neighbouring texels
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            out = np.where(np.isnan(out), np.roll(out, step, axis), out)
    return out


def sphere(points: np.ndarray) -> np.ndarray:
    """(4,) centre and radius of the sphere that fits the points best (the cornea bulges a little)."""
    a = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    x = np.linalg.lstsq(a, (points ** 2).sum(1), rcond=None)[0]
    return np.array([*x[:3], np.sqrt(x[3] + (x[:3] ** 2).sum())], np.float32)
