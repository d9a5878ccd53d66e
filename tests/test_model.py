import numpy as np
import pytest
import tiny
import torch

from emoreason.encoder import hat, order_in_rows, spread
from emoreason.media import Media, token_count
from emoreason.model import EmoReasonForConditionalGeneration
from emoreason.records import CROP


@pytest.fixture(scope="module")
def made():
    torch.manual_seed(0)
    return tiny.make()


def media(seed, frames=1, scene=True, crops=True):
    rng = np.random.default_rng(seed)
    draw = lambda: rng.integers(0, 256, (frames, CROP, CROP, 3), np.uint8)  # noqa: E731
    return Media(draw() if scene else None, draw() if crops else None)


def test_save_and_load_are_exact(made, tmp_path):
    model, processor = made
    inputs = processor(images=[media(1)], text=["<|user|><image>why?<|assistant|>"])
    before = model(**inputs).logits
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again, report = EmoReasonForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    kept = again.state_dict()
    assert all(torch.equal(w, kept[name]) for name, w in model.state_dict().items())
    torch.testing.assert_close(before, again.eval()(**inputs).logits, atol=1e-5, rtol=1e-5)  # where weights lie in memory decides the kernel


def test_batch_equals_single(made):
    model, processor = made
    items = [(media(1), "<|user|><image>why?<|assistant|>"), (media(2, crops=False), "<|user|><image>a longer question<|assistant|>"),
             (media(3, frames=5), "<|user|><image>?<|assistant|>"), (media(4, scene=False), "<|user|><image>which?<|assistant|>")]
    both = processor(images=[[m] for m, _ in items], text=[t for _, t in items], padding=True)
    out = model(**both).logits
    for i, (m, t) in enumerate(items):
        one = processor(images=[m], text=[t])
        n = one["input_ids"].shape[1]
        torch.testing.assert_close(out[i, -n:], model(**one).logits[0], atol=1e-4, rtol=1e-3)


def test_generation_batch_equals_single(made):
    model, processor = made
    items = [(media(1), "<|user|><image>why?<|assistant|>"), (media(2), "<|user|><image>which AUs are there<|assistant|>")]
    go = dict(max_new_tokens=12, do_sample=False, pad_token_id=processor.tokenizer.pad_token_id)
    both = processor(images=[[m] for m, _ in items], text=[t for _, t in items], padding=True)
    out = model.generate(**both, **go)[:, both["input_ids"].shape[1]:]
    for i, (m, t) in enumerate(items):
        one = processor(images=[m], text=[t])
        assert torch.equal(model.generate(**one, **go)[0, one["input_ids"].shape[1]:], out[i][: 12])


def test_every_kind_of_token_matters_and_absence_is_its_own_input(made):
    model, processor = made
    full = media(1)
    text = ["<|user|><image>why?<|assistant|>"]
    logits = [model(**processor(images=[m], text=text)).logits[0, -1] for m in (
        full, Media(None, full.crops), Media(full.scene, None), Media(full.scene, media(9).crops), Media(media(9).scene, full.crops))]
    for i in range(1, 5):
        assert not torch.allclose(logits[0], logits[i])
    assert model.model.encoder.evidence(processor(images=[Media(full.scene, None)], text=text)["pixel_values"]) == [None]


def test_tokens_stay_within_a_budget():
    assert token_count(1) == 28
    assert token_count(4) == token_count(400)


def test_placeholders_must_match(made):
    _, processor = made
    with pytest.raises(ValueError, match="placeholders"):
        processor(images=[media(1)], text=["no place"])


def test_the_aus_in_the_tokens_are_the_evidence(made):
    model, processor = made
    m = media(5)
    values = processor(images=[m], text=["<image>"])["pixel_values"]
    direct = model.model.encoder.facenet.read(m.crops)
    through = model.model.encoder.evidence(values)[0]
    np.testing.assert_allclose(direct.aus, through.aus, atol=1e-2)
    assert through.maps.shape == (1, 22, 16, 16)


def test_hat_shares_linearly():
    x = hat(torch.tensor([0.0, 0.3, 5.0]), 0, 5, 26)
    assert torch.allclose(x.sum(-1), torch.ones(3))
    assert torch.allclose(x @ torch.linspace(0, 5, 26), torch.tensor([0.0, 0.3, 5.0]), atol=1e-5)


def test_frames_are_spread_over_those_with_a_face():
    good = torch.tensor([[1, 1, 0, 1, 0, 1], [0, 0, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]).bool()
    assert spread(good, torch.tensor([4, 1, 2, 1]), 4)[:2].tolist() == [[0, 1, 3, 5], [2, 2, 2, 2]]
    assert spread(good, torch.tensor([2, 2, 3, 1]), 3).tolist() == [[0, 5, 5], [2, 2, 2], [0, 0, 2], [0, 0, 0]]


def test_clips_of_all_lengths_in_a_batch_are_read_as_alone(made):
    encoder, processor = made[0].model.encoder.eval(), made[1]
    clips = [media(i, frames) for i, frames in enumerate((1, 3, 5, 2))] + [media(9, 2, crops=False), media(7, 4, scene=False)]
    clips[2].crops[1] = 0  # a frame without the face
    pixels = [processor(images=[c], text=["<image>"])["pixel_values"] for c in clips]
    most = max(p.shape[1] for p in pixels)
    together = torch.cat([torch.nn.functional.pad(p, (0,) * 8 + (0, most - p.shape[1])) for p in pixels])
    with torch.no_grad():
        for one, mine in zip(pixels, encoder(together), strict=True):
            alone = encoder(one)[0]
            assert alone.shape == mine.shape and torch.allclose(alone, mine, atol=1e-5)


def test_another_number_of_frames_is_seen(made):
    model, processor = made
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (8, CROP, CROP, 3), np.uint8)
    text = ["<|user|><image>?<|assistant|>"]
    a = model(**processor(images=[Media(None, crops)], text=text)).logits[0, -1]
    b = model(**processor(images=[Media(None, crops[::-1].copy())], text=text)).logits[0, -1]
    assert not torch.allclose(a, b)


def test_media_are_numbered_within_their_row():
    lengths, slots = torch.tensor([28, 28, 30, 28, 28, 28]), torch.tensor([56, 0, 30, 84])
    assert order_in_rows(lengths, slots).tolist() == [0, 1, 0, 0, 1, 2]
    assert order_in_rows(torch.tensor([28]), torch.tensor([28])).tolist() == [0]


def test_the_same_face_differs_by_its_place(made):
    """Two rows, one of two media: what the model sees of the second is the same media, marked as the second."""
    model, processor = made
    a, b = media(1), media(2)
    batch = processor(images=[[a, b], [b]], text=["<|user|><image><image>which?<|assistant|>", "<|user|><image>why?<|assistant|>"], padding=True)
    n = token_count(1)
    with torch.inference_mode():
        shown = model.model.embed(batch["input_ids"], batch["pixel_values"])[batch["input_ids"] == model.config.image_token_id].split(n)
        order = model.model.encoder.order.weight
    torch.testing.assert_close(shown[1] - order[1], shown[2] - order[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(shown[1], shown[2], atol=1e-4)
