"""A made-up person: head shape, resting face, skin, hair, glasses, and how the face moves. One seed, one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emoreason.data_pipeline import hair, skin
from emoreason.data_pipeline.actions import SHAPES
from emoreason.data_pipeline.creases import SIDE, Creases
from emoreason.data_pipeline.ict import EYE, FRAME, GUMS, HEAD, LASH, SOCKET, TEETH, FaceModel, sphere

STYLES = ("bald", "buzz", "short", "volume", "curly", "long", "hat")
_STYLES_MALE, _STYLES_FEMALE = (0.07, 0.18, 0.36, 0.15, 0.10, 0.08, 0.06), (0.01, 0.04, 0.13, 0.12, 0.12, 0.53, 0.05)
Shapes = dict[str, tuple[np.ndarray, np.ndarray]]
LIPS_MEET = 0.08  # cm between the inner lips' landmarks when the mouth is closed
NECKLINE = (-14.5, -10.5)  # cm: where clothes begin


@dataclass
class Person:
    """What the renderer needs of one person.

    base (V, 3) cm: head and face without expression; hanging (H, 3) cm: hair and glasses, fixed to the head;
    puff (V,) cm: short hair's thickness along the normals; triangles (T, 3), materials (T,), triangles_uv (T, 3),
    uv (U, 2): of base and hanging together; textures (4, SIDE, SIDE, 5) as in ``raster.shade``; pores (SIDE, SIDE)
    cm; flats (9, 5); skin (2,): gloss, translucency; rest: shape weights at rest; blink: the weights of eyeBlink
    that close the right and the left eye; gain: AU -> expressivity, 1 on average; eyes (2, 4) cm: centre and
    radius, the subject's right first; lenses (2, 24, 3) cm or None; tint: the lenses' darkness and reflection in
    [0, 1]; traits: what was drawn, for looking things up.
    """

    base: np.ndarray
    hanging: np.ndarray
    puff: np.ndarray
    triangles: np.ndarray
    materials: np.ndarray
    triangles_uv: np.ndarray
    uv: np.ndarray
    textures: np.ndarray
    pores: np.ndarray
    creases: Creases
    flats: np.ndarray
    skin: np.ndarray
    rest: dict[str, float]
    blink: tuple[float, float]
    gain: dict[int, float]
    eyes: np.ndarray
    lenses: np.ndarray | None
    tint: tuple[float, float]
    traits: dict[str, object]


def resting_face(rng: np.random.Generator) -> dict[str, float]:
    """Shape weights that belong to the person, not to an expression: brow height, lid opening, mouth corners."""
    rest: dict[str, float] = {}
    for name, spread in (("browInnerUp", 0.13), ("browOuterUp", 0.13), ("browDown", 0.14), ("mouthFrown", 0.15),
                         ("mouthSmile", 0.07), ("mouthPress", 0.12), ("mouthStretch", 0.08), ("noseSneer", 0.08),
                         ("cheekPuff", 0.10), ("mouthDimple", 0.10), ("foldDown", 0.35), ("lidPouch", 0.25)):
        both, one = rng.normal(0, spread), rng.normal(0, spread * 0.25)
        rest[name + "_L"], rest[name + "_R"] = both + one, both - one
    lids = rng.normal(0.02, 0.11)
    for side in ("_L", "_R"):
        rest["eyeBlink" + side] = lids + rng.normal(0, 0.02)
        rest["eyeSquint" + side] = abs(rng.normal(0, 0.15))
    rest["jawForward"], rest["mouthShrugUpper"] = rng.normal(0, 0.15), rng.normal(0, 0.08)
    rest["mouthRollUpper"] = rest["mouthRollLower"] = rng.normal(0.0, 0.08)
    rest["mouthLeft"], rest["jawLeft"] = rng.normal(0, 0.05), rng.normal(0, 0.05)
    return rest


def close_mouth(model: FaceModel, shapes: Shapes, base: np.ndarray, rest: dict[str, float]) -> tuple[float, float]:
    """Make the lips just meet at rest (in ``rest``), and find the eyeBlink weights that close each eye."""
    marks = base[model.landmarks].copy()
    places = {int(v): k for k, v in enumerate(model.landmarks)}
    travel = np.zeros((2, 68, 3))
    for name, amount in {**rest, "lipsMeet_L": 1.0, "lipsMeet_R": 1.0, "eyeBlink_L": 1.0, "eyeBlink_R": 1.0}.items():
        index, offsets = shapes[name]
        for k in np.nonzero(np.isin(index, model.landmarks))[0]:
            if name.startswith("lipsMeet"):
                travel[0, places[int(index[k])]] += offsets[k]
            elif name.startswith("eyeBlink"):
                travel[1, places[int(index[k])]] += offsets[k]
                marks[places[int(index[k])]] += rest.get(name, 0.0) * offsets[k]
            else:
                marks[places[int(index[k])]] += amount * offsets[k]
    upper, lower = [61, 62, 63], [67, 66, 65]
    gap = (marks[upper, 1] - marks[lower, 1]).mean() - LIPS_MEET
    closing = -(travel[0][upper, 1] - travel[0][lower, 1]).mean()
    rest["lipsMeet_L"] = rest["lipsMeet_R"] = float(np.clip(gap / closing, -1.5, 2.0))
    blink = []
    for up, low in (((37, 38), (41, 40)), ((43, 44), (47, 46))):
        opening = (marks[list(up), 1] - marks[list(low), 1]).mean()
        blink.append(float(np.clip(opening / -(travel[1][list(up), 1] - travel[1][list(low), 1]).mean(), 0.5, 1.6)))
    return blink[0], blink[1]


def make(model: FaceModel, shapes: Shapes, skull: hair.Skull, rng: np.random.Generator) -> Person:
    """Draw a person: about 60 ms."""
    male, age = bool(rng.random() < 0.5), float(rng.beta(1.3, 1.6))
    shade = rng.uniform(0, len(skin.SKINS) - 1)
    low = int(shade)
    tone = skin.SKINS[low] * (low + 1 - shade) + skin.SKINS[min(low + 1, len(skin.SKINS) - 1)] * (shade - low)
    tone = (tone * np.exp(rng.normal(-0.03, 0.08) + rng.normal(0, 0.03, 3))).astype(np.float32)
    dark = float(shade / (len(skin.SKINS) - 1))
    hair_colour = skin.HAIRS[rng.integers(0, 7)] if shade < 3 else skin.HAIRS[rng.choice([0, 0, 0, 1, 1, 2])]
    if rng.random() < np.clip((age - 0.55) * 1.8, 0, 0.85):
        hair_colour = skin.HAIRS[rng.integers(7, 9)] * rng.uniform(0.5, 1.0)
    hair_colour = (hair_colour * np.exp(rng.normal(0, 0.15))).astype(np.float32)

    parts = rng.standard_normal(len(model.identities)).astype(np.float32) * np.float32(rng.uniform(0.55, 0.95))
    base = model.vertices + np.tensordot(parts, model.identities, 1)
    balls = [_round_eyes(base, (model.vertex_material == EYE) & (model.vertices[:, 0] * s > 0)) for s in (-1, 1)]
    textures = np.zeros((4, SIDE, SIDE, 5), np.float32)
    textures[0], pores = skin.face(model, rng, tone, dark, hair_colour, male, age)
    textures[1], textures[2, ..., :3] = skin.head(rng, tone), skin.eye(rng, dark)
    textures[3] = hair.strands(rng, hair_colour)
    style = STYLES[rng.choice(len(STYLES), p=_STYLES_MALE if male else _STYLES_FEMALE)]
    puff = _scalp_hair(model, skull, rng, textures, style, hair_colour, age if male else 0.0)
    _clothes(skull, rng, textures)

    meshes: list[hair.Mesh] = []
    radius = skull.radius(base)
    if style == "long":
        meshes.append(hair.long_hair(skull, radius, rng, rng.uniform(3, 16), rng.uniform(0.5, 1.7)))
    if style == "hat":
        meshes.append(hair.hat(skull, radius, rng))
    if style in ("long", "short", "volume") and rng.random() < (0.45 if style == "long" else 0.38):
        meshes.append(hair.fringe(skull, radius, rng))
    lenses = None
    if rng.random() < 0.22:
        frame, lenses = hair.glasses(base, model.landmarks, rng)
        meshes.append(frame)

    flats = np.zeros((9, 5), np.float32)
    gum, tooth = skin.linear((168, 80, 80), (232, 222, 202))
    flats[GUMS] = [*(gum * rng.uniform(0.6, 1.0)), 0.25, 0.2]
    flats[TEETH] = [*(tooth * rng.uniform(0.6, 1.0) * (1, 1, 1 - 0.25 * rng.random())), 0.35, 0.15]
    flats[SOCKET] = [*(gum * 0.28), 0.05, 0.1]
    flats[LASH] = [0.012, 0.009, 0.008, 0.02, 0.0]
    frame_colour = rng.uniform(0, 1, 3) ** 2 * 0.5 if rng.random() < 0.4 else np.full(3, rng.uniform(0.005, 0.05))
    flats[FRAME] = [*frame_colour, 0.3, 0.0]
    shown = model.materials != LASH
    triangles, materials = [model.triangles[shown]], [model.materials[shown]]
    triangles_uv, uv, hanging = [model.triangles_uv[shown]], [model.uv], [np.zeros((0, 3), np.float32)]
    first, first_uv = len(model.vertices), len(model.uv)
    for points, mesh_uv, mesh_triangles, material in meshes:
        triangles.append(mesh_triangles + first)
        triangles_uv.append(mesh_triangles + first_uv)
        materials.append(np.full(len(mesh_triangles), material, np.int32))
        hanging.append(points)
        uv.append(mesh_uv)
        first, first_uv = first + len(points), first_uv + len(points)
    rest = resting_face(rng)
    blink = close_mouth(model, shapes, base, rest)
    vigour = rng.normal(1.0, 0.08)
    return Person(
        base.astype(np.float32), np.concatenate(hanging), puff,
        np.ascontiguousarray(np.concatenate(triangles), dtype=np.int32), np.concatenate(materials).astype(np.int32),
        np.ascontiguousarray(np.concatenate(triangles_uv), dtype=np.int32), np.concatenate(uv).astype(np.float32),
        textures, pores, Creases(rng, age), flats,
        skin.floats([rng.uniform(0.05, 0.14), rng.uniform(0.22, 0.4)]), rest, blink,
        {au: float(np.clip(vigour + rng.normal(0, 0.08), 0.75, 1.25)) for au in SHAPES if au != 43},
        np.stack(balls), lenses,
        (float(rng.uniform(0, 0.25) ** 1.5), float(rng.uniform(0, 0.4) ** 1.5)),
        {"male": male, "age": age, "skin": dark, "hair": style, "glasses": lenses is not None})


def _round_eyes(base: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Put an eyeball's vertices onto their best sphere (4,), so that no cornea pokes through a closing lid."""
    ball = sphere(base[part])
    away = base[part] - ball[:3]
    base[part] = ball[:3] + away * (ball[3] / np.linalg.norm(away, axis=1, keepdims=True))
    return ball


def _scalp_hair(model: FaceModel, skull: hair.Skull, rng: np.random.Generator, textures: np.ndarray, style: str,
                colour: np.ndarray, age: float) -> np.ndarray:
    """Paint the hairy scalp into the face and head textures; the hair's thickness (V,) cm over the skin."""
    recede, phase, shift = rng.uniform(0, 3.5) * age, rng.uniform(0, 6), rng.normal(0, 0.5)
    thick = {"bald": 0.0, "buzz": 0.12, "short": 0.6, "volume": 1.5, "curly": 1.3, "long": 0.3, "hat": 0.25}[style]
    thick *= rng.uniform(0.8, 1.3)
    amount = 1.0 if style != "bald" else 0.25 * float(rng.random() < 0.5)  # shaven: at most a shadow
    curl = style == "curly"
    for layer in (0, 1):
        inside = skull.scalps[layer].field(recede, phase) - np.float32(shift)
        rows = np.nonzero(inside.max(1) > -0.6)[0]
        box = np.s_[rows[0]:rows[-1] + 1]
        edge = 0.15 + 0.22 * skin.noise(rng, (90, SIDE)) + 0.18 * skin.noise(rng, 24)
        cover = np.clip((inside[box] / 2.2 - edge[box] * (0.6 if curl else 1.0)) * 6, 0, 1) * amount
        tone = 0.5 + 0.20 * skin.noise(rng, 110 if curl else (48, SIDE)) + 0.12 * skin.noise(rng, 20)
        if curl:
            tone += 0.25 * skin.noise(rng, 60)
        tone, target = np.clip(tone[box], 0, 1.2), textures[layer][box]
        target[..., :3] += cover[..., None] * (colour * (0.45 + 1.1 * tone)[..., None] - target[..., :3])
        target[..., 3] += cover * (0.9 * tone - target[..., 3])
        target[..., 4] += cover * (0.1 - target[..., 4])
    points = model.vertices
    inside = np.clip((skull.scalps[2].field(recede, phase) - shift) / 1.6, 0, 1)
    inside = inside * inside * (3 - 2 * inside) * (model.vertex_material <= HEAD)
    lumps = 1 + 0.25 * np.sin(points[:, 0] * 1.7 + phase) * np.sin(points[:, 2] * 1.5)
    lumps += (0.35 if curl else 0.15) * np.sin(points[:, 0] * 4) * np.sin(points[:, 2] * 3.7 + points[:, 1] * 2)
    top = np.clip((points[:, 1] - 6) / 8, 0, 1)
    return (inside * thick * lumps * (0.6 + 0.7 * top)).astype(np.float32)


def _clothes(skull: hair.Skull, rng: np.random.Generator, textures: np.ndarray) -> None:
    line, slant = rng.uniform(*NECKLINE), rng.uniform(0, 0.35)
    colour = rng.uniform(0.005, 0.6, 3).astype(np.float32)
    weave = np.clip(1 + 0.12 * skin.noise(rng, 40) + 0.1 * skin.noise(rng, (6, 200)), 0.2, 1.5)
    for layer in (0, 1):
        worn = skull.heights[layer] < line + slant * skull.widths[layer]
        textures[layer][worn, :3] = colour * weave[worn][:, None]
        textures[layer][worn, 3:] = (0.15, 0.05)
