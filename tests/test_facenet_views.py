"""Views of faces that facenet is trained on."""

import pytest
import torch

from emoreason.facenet import standardise
from emoreason.training.facenet_views import EYES_AND_MOUTH, dark_skin, darker, halved, mixed, no_skin


def test_a_mixed_picture_has_two_labels_and_no_aus():
    torch.manual_seed(0)
    x = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 4, 4)
    y = {"label": torch.arange(6), "aus": torch.ones(6, 3), "pose": torch.ones(6, 3)}
    seen, labels = mixed(x, y, 0.5)
    share = labels["share"][:, 0]
    assert (share[:3] < 1).all() and (share[:3] >= 0.5).all() and (share[3:] == 1).all()
    assert labels["other"].tolist() == [2, 0, 1, 3, 4, 5]
    assert torch.allclose(seen[:, 0, 0, 0], share * labels["label"] + (1 - share) * labels["other"], atol=1e-5)
    assert labels["aus"][:3].isnan().all() and (labels["aus"][3:] == 1).all() and labels["pose"][:3].isnan().all()
    assert (y["aus"] == 1).all()


def test_half_a_face_is_anothers():
    """Below its own cut a face goes on as the one before it does below its own."""
    row = torch.arange(64.0)
    x = torch.stack([(i + 1) * row + (row % 7) * 3 + 100 * i for i in range(3)])[:, None, :, None].expand(3, 1, 64, 64)
    points = torch.full((3, 68, 2), torch.nan)
    points[0, :, 1], points[1, :, 1] = 0.5, 0.6  # cut at rows 32, 38 and, where nothing is known, 34
    cuts, parts = (32, 38, 34), halved(x, points)
    assert parts.shape == x.shape and parts.mean((1, 2, 3)).abs().max() < 1e-5
    for i, cut in enumerate(cuts):
        lower = x[i - 1, 0, cuts[i - 1]:]
        fill = lower[-1:].expand(max(0, 64 - cut - len(lower)), 64)
        whole = torch.cat([x[i, 0, :cut], lower[:64 - cut], fill])
        assert torch.allclose(parts[i, 0], (whole - whole.mean()) / (whole.std() + 1e-2), atol=1e-4)


def test_darker_skin_leaves_eyes_and_open_mouth_as_bright():
    """A light face with eyes and teeth as bright as it is: they stand out afterwards, by what the skin gives back."""
    points = torch.full((2, 68, 2), torch.nan)
    points[0] = 0.05
    for (left, right, over, under), (x, y, wide, high) in zip(EYES_AND_MOUTH, ((0.35, 0.4, 0.16, 0.08), (0.65, 0.4, 0.16, 0.08), (0.5, 0.75, 0.3, 0.12)), strict=True):
        points[0, left], points[0, right] = torch.tensor([x - wide / 2, y]), torch.tensor([x + wide / 2, y])
        points[0, list(over)], points[0, list(under)] = torch.tensor([x, y - high / 2]), torch.tensor([x, y + high / 2])
    x = torch.full((2, 1, 64, 64), 0.8)
    x[:, :, :4] = 0.0  # hair, as black
    x += torch.linspace(0, 0.02, 64)
    x = standardise(x)
    dark = dark_skin(x, points, torch.full((2,), 0.25), torch.zeros(2))
    assert torch.equal(dark[1], x[1]) and dark.mean((1, 2, 3)).abs().max() < 1e-4
    light = dark[0, 0] - dark[0, 0].min()
    places = {"eye": (26, 22), "mouth": (48, 32), "cheek": (36, 14), "chin": (61, 32)}
    shown = {name: (light[row, column] / light[26, 22]).item() for name, (row, column) in places.items()}
    assert shown["mouth"] == pytest.approx(1, abs=0.1) and shown["cheek"] == pytest.approx(0.26, abs=0.05) == shown["chin"]
    closed = points.clone()
    closed[0, [61, 62, 63, 67, 66, 65]] = torch.tensor([0.5, 0.75])
    mouth = no_skin(closed[:1])[0]
    assert mouth[48, 32] < 0.05 < 0.9 < mouth[26, 22] and mouth[50:].max() < 0.05


def test_shine_stays_on_darker_skin():
    x = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.05 + 0.5
    x[:, :, 30:36, 20:26], x[:, :, 0] = 1.0, 0.0
    x, points = standardise(x), torch.full((1, 68, 2), 0.01)
    dull, shiny = (dark_skin(x, points, torch.tensor([0.3]), torch.tensor([s]))[0, 0] for s in (0.0, 1.0))
    assert (shiny[33, 23] - shiny[50, 40]) > 1.5 * (dull[33, 23] - dull[50, 40]) > 0


def test_only_the_last_part_is_made_darker():
    x, points = standardise(torch.rand(8, 1, 64, 64)), torch.rand(8, 68, 2)
    points[:6] = torch.nan
    seen = darker(x, points, 0.25)
    off = (seen - x).abs().amax((1, 2, 3))
    assert (off[:6] == 0).all() and (off[6:] > 0.1).all() and darker(x, points, 0.0) is x
    assert not torch.equal(darker(x, points, 0.25)[6:], seen[6:])  # each time to another degree


def test_each_face_gets_its_own_skin():
    x, points = standardise(torch.rand(2, 1, 64, 64)), torch.rand(2, 68, 2)
    back, shine = torch.tensor([0.2, 0.7]), torch.tensor([0.0, 1.0])
    together = dark_skin(x, points, back, shine)
    for i in range(2):
        assert torch.allclose(together[i], dark_skin(x[i:i + 1], points[i:i + 1], back[i:i + 1], shine[i:i + 1])[0], atol=1e-5)
