"""The transformers engine: the same tokens whoever is beside a request, faces read once, answers held to the format."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from emoreason import engines
from emoreason.courses import Event
from emoreason.data_pipeline.clip_text import ask_clip, write_clip
from emoreason.data_pipeline.explain import ask, ask_compare, compare, random_facts, write
from emoreason.data_pipeline.sampling import random_clip
from emoreason.engines import Completion, Request, grammar
from emoreason.engines.decoding import matcher
from emoreason.engines.loading import without_adapter
from emoreason.engines.local import HubEngine, NativeEngine
from emoreason.engines.spec import parse_spec
from emoreason.errors import ParseError, UserError
from emoreason.facs import EMOTIONS, MEASURED_AUS
from emoreason.media import Media
from emoreason.reason import Reasoner, find_subjects
from emoreason.schema import parse, render
from emoreason.scores import unsupported

SAMPLES = Path(__file__).parent.parent / "samples"
SAD, HAPPY = SAMPLES / "sad.jpg", SAMPLES / "happy.jpg"
QUESTIONS = ("Why does this face look sad?", "Which action units are active?")


@pytest.fixture(scope="module")
def nano():
    return Reasoner.load("nano")


@pytest.fixture(scope="module")
def asked(nano):
    return [nano.request(find_subjects(p), q) for p in (SAD, HAPPY) for q in QUESTIONS]


@pytest.fixture(scope="module")
def alone(nano, asked):
    return [nano.engine.generate([r])[0] for r in asked]


def media(seed=0, frames=1):
    rng = np.random.default_rng(seed)
    return Media(None, rng.integers(1, 255, (frames, 128, 128, 3)).astype(np.uint8))


def question(*turns, shown=1):
    first = {"role": "user", "content": [*[{"type": "image"}] * shown, {"type": "text", "text": turns[0]}]}
    rest = [{"role": "assistant" if i % 2 == 0 else "user", "content": t} for i, t in enumerate(turns[1:])]
    return (first, *rest)


@pytest.mark.parametrize("text, kind, name, url", [
    ("nano", "local", "nano", None), ("out/model", "local", "out/model", None), ("hf:a/b", "hf", "a/b", None),
    ("vllm:nano", "vllm", "nano", None), ("openai:m@http://x:1/v1/", "openai", "m", "http://x:1/v1"),
    ("openai:gpt", "openai", "gpt", "https://api.openai.com/v1"), ("C:/models/x", "local", "C:/models/x", None)])
def test_model_strings(text, kind, name, url):
    spec = parse_spec(text)
    assert (spec.kind, spec.name, spec.url) == (kind, name, url)


def test_settings_of_model_strings():
    spec = parse_spec("openai:m@http://localhost:1/v1#rpm=30,parallel=2,price_in=0.5")
    assert (spec.rpm, spec.parallel, spec.price_in, spec.host) == (30, 2, 0.5, None)
    assert parse_spec("hf:x#constrain,merge=no").constrain and not parse_spec("hf:x#merge=no").merge


@pytest.mark.parametrize("text, says", [
    ("", "names none"), ("hf:", "names none"), ("nano#colour=red", "constrain, device"), ("openai:@http://x", "openai:MODEL@URL"),
    ("openai:m@ftp://x", "openai:MODEL@URL"), ("openai:m#rpm=fast", "a number"), ("nano#merge=perhaps", "yes or no"),
    ("openai:m#rpm=0", "above 0")])
def test_wrong_model_strings(text, says):
    with pytest.raises(UserError, match=says):
        parse_spec(text)


def test_the_same_tokens_as_plain_generate(nano, asked, alone):
    """The engine's prompt embeddings, cache and batch change nothing: plain generate of transformers says the same."""
    tokenizer = nano.processor.tokenizer
    for request, made in zip(asked, alone, strict=True):
        inputs = nano.processor(images=list(request.media), text=[nano.engine.text(request)], return_tensors="pt")
        ids = nano.model.generate(**inputs, max_new_tokens=320, do_sample=False, pad_token_id=tokenizer.pad_token_id,
                                  eos_token_id=tokenizer.eos_token_id)
        assert tokenizer.decode(ids[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True) == made.text
        assert inputs["input_ids"].shape[1] == made.prompt_tokens


def test_the_same_tokens_in_a_batch_and_streamed(nano, asked, alone):
    assert nano.engine.generate(asked) == alone
    pieces = list(engines.stream(nano.engine, asked[0]))
    assert pieces[-1] == alone[0]
    assert len(pieces) > 20 and "".join(pieces[:-1]) == alone[0].text


def test_a_draw_does_not_depend_on_company(nano, asked):
    draws = [replace(asked[0], temperature=0.8, top_p=0.95, seed=i, max_tokens=40) for i in range(3)]
    together = nano.engine.generate([asked[1], *draws])
    assert together[2] == nano.engine.generate([draws[1]])[0]
    assert len({c.text for c in together[1:]}) > 1


def test_each_row_has_its_own_length(nano, asked):
    made = nano.engine.generate([replace(asked[0], max_tokens=n) for n in (5, 320)])
    assert (made[0].completion_tokens, made[0].finish) == (5, "length")
    assert made[1].finish == "stop" and made[1].text.startswith(made[0].text)


@pytest.mark.parametrize("held", [False, True])
def test_it_goes_on_from_what_is_begun(nano, asked, held):
    request = replace(asked[0], grammar=grammar.explanation() if held else None)
    whole = nano.engine.generate([request])[0]
    begun = whole.text[:whole.text.index(").") + 2]
    rest = nano.engine.generate([replace(request, begun=begun)])[0]
    assert begun and begun + rest.text == whole.text and rest.prompt_tokens > whole.prompt_tokens


def test_a_face_is_read_once():
    engine = NativeEngine(*tiny.make())
    calls = []
    engine.model.model.encoder.facenet.register_forward_hook(lambda *_: calls.append("face"))
    engine.model.model.encoder.tower.register_forward_hook(lambda *_: calls.append("scene"))
    with_scene = Media(np.full((1, 128, 128, 3), 90, np.uint8), media().crops)
    engine.generate([Request(question("Why?"), (with_scene,), 4)])
    first = sorted(calls)
    assert first.count("scene") == 1 and "face" in first
    engine.generate([Request(question("Why?", "So.", "Sure?"), (with_scene,), 4)] * 2)
    assert engine.look(with_scene).evidence is not None and sorted(calls) == first
    engine.look(media(1))
    assert len(calls) > len(first)


def test_an_untrained_model_held_to_the_format():
    model, processor = tiny.make()
    torch.manual_seed(3)
    for p in model.model.language_model.parameters():
        torch.nn.init.normal_(p, std=0.3)  # far from anything that was trained
    engine = NativeEngine(model, processor)
    free = Request(question("Why?"), (media(),), 200, temperature=1.0)
    with pytest.raises(ParseError):
        parse(engine.generate([free])[0].text)
    levels = dict(zip(MEASURED_AUS, np.random.default_rng(0).uniform(0, 4, len(MEASURED_AUS)) * (np.arange(22) % 2), strict=True))
    forms = [grammar.explanation(), grammar.explanation(levels)]
    made = engine.generate([replace(free, grammar=forms[i % 2], max_tokens=grammar.TOKENS, seed=i) for i in range(12)])
    for i, c in enumerate(made):
        x = parse(c.text)
        assert c.finish == "stop" and (x.emotion is None or set(x.emotions) <= set(EMOTIONS))
        assert i % 2 == 0 or not unsupported(x, levels)
    claims = [o for c in made for o in parse(c.text).observations]
    denials = {w for words in (grammar.DENIALS, *grammar.AT_REST.values()) for w in words}
    assert claims and all(o.present or denials & set(o.text.lower().replace(",", "").split()) for o in claims)


def engine_texts(faces, pairs, clips):
    """(text of the explanation engine, levels, spans) about random faces, pairs of faces and clips."""
    rng = random.Random(0)
    for i in range(faces + pairs):
        facts, other = random_facts(rng), random_facts(rng)
        if i >= faces:
            levels = {a: max(v, other.aus[a]) for a, v in facts.aus.items()}
            yield render(compare(facts, other, ask_compare(facts, other, rng), rng)), levels, None
        else:
            if i % 20 == 0:
                facts = replace(facts, quality=("the picture is dark",), readable=i % 40 == 0)
            yield render(write(facts, ask(facts, rng), rng)), dict(facts.aus), None
    for _ in range(clips):
        clip = random_clip(rng)
        spans = {}
        for e in clip.clip.events:
            spans.setdefault(e.au, []).append((e.onset, e.offset, e.peak))
        yield render(write_clip(clip, ask_clip(clip, rng), rng)), clip.clip.summary.intensities(), spans


def follows(tokenizer, form, text):
    m = matcher(tokenizer, form)
    return all(m.consume_token(t) for t in tokenizer(text, add_special_tokens=False)["input_ids"]) and m.is_accepting()


def test_texts_of_the_explanation_engine_follow_the_grammar(nano):
    texts = list(engine_texts(faces=200, pairs=40, clips=60))
    for sure in (False, True):
        likely = [(parse(t).confidence,) if sure else () for t, *_ in texts]
        forms = [grammar.explanation(v, spans=s, likely=[p for p in share if p]) for (_, v, s), share in zip(texts, likely, strict=True)]
        fit = [follows(nano.engine.tokenizer, form, t) for form, (t, *_) in zip(forms, texts, strict=True)]
        assert sum(fit[:240]) >= 237 and sum(fit[240:]) >= 57, [t for (t, *_), f in zip(texts, fit, strict=True) if not f]


@pytest.mark.parametrize("observed, says, fits", [
    ("The lip corners are not raised (AU12 absent). ", "So.", True), ("No smile shows (AU12 absent). ", "So.", True),
    ("The lips stay closed (AU25 absent). ", "So.", True), ("The lip corners are closed (AU12 absent). ", "So.", False),
    ("The lip corners are raised (AU12 absent). ", "So.", False),
    ("The brows are not raised (AU1 absent). ", "So.", False),
    ("The inner brows are raised (AU1, 2.3). ", "So.", True), ("The inner brows are raised (AU1, 2.4). ", "So.", False),
    ("The chin is raised (AU17, 2.0). ", "So.", False), ("", "Not sure: about 30 percent, by AU1.", True),
    ("", "AU1 is there: 2.0 of 5.", True),
    ("", "The confidence: 0.5.", False), ("", "A misinterpretation: so.", False)])
def test_what_follows_the_grammar(nano, observed, says, fits):
    key = "Key observations: " if observed else ""
    tail = " Confidence: 0.5. Valence: 0. Arousal: 0.</think><answer>fear, sadness</answer>"
    text = f"<think>{key}{observed}Interpretation: {says}{tail}"
    assert follows(nano.engine.tokenizer, grammar.explanation({1: 2.0, 12: 0.2, 25: 0.1}), text) == fits


def test_a_movement_that_comes_again_is_observed_and_told_each_time(nano):
    smiles = tuple(Event(12, on, apex, off, peak)
                   for on, apex, off, peak in ((0.5, 1.0, 1.5, 3.0), (2.0, 2.5, 3.0, 2.0)))
    form = grammar.explanation({12: 3.0, 4: 2.0}, spans={12: [(0.5, 1.5, 3.0), (2.0, 3.0, 2.0)], 4: [(0.0, 1.0, 2.0)]},
                               series=(2, smiles))
    first, second = "The lip corners are raised (AU12, 3.0, 0.50-1.50 s). ", "The lip corners rise again (AU12, 2.0, 2.00-3.00 s). "
    frown = "The brows are knitted (AU4, 2.0, 0.00-1.00 s). "

    def fits(seen, said):
        key = "Key observations: " if seen else ""
        end = "Confidence: 0.5.</think><answer>happiness</answer>"
        return follows(nano.engine.tokenizer, form, f"<think>{key}{seen}Interpretation: {said} {end}")

    ways = (first + second, second + first, first, first + first, first + frown, first + second + frown, "")
    assert [s for s in ways if fits(s, "So.")] == [first + second, ""]
    told = "AU12, the smile, shows 2 times, from 0.5 to 1.5 and from 2.0 to 3.0 seconds, and is strongest at 1.0. It looks happy."
    for right in (told, told.replace(", and is strongest at 1.0", ""), told.replace("times, from", "times, most clearly from")):
        assert fits(first + second, right)
    for a, b in (("2 times", "3 times"), ("from 2.0 to 3.0", "from 2.0 to 2.0"), (" and from 2.0 to 3.0", ""), ("at 1.0", "at 2.5"),
                 ("from 0.5 to 1.5 and from 2.0 to 3.0", "from 2.0 to 3.0 and from 0.5 to 1.5")):
        assert not fits(first + second, told.replace(a, b))


@pytest.mark.parametrize(("said", "stated", "fits"), [
    ("about 80 percent", "0.8", True), ("about 85 percent", "0.85", True), ("about 80 percent", "0.85", False),
    ("about 95 percent", "0.8", False), ("95 in 100", "0.95", False), ("likely", "0.75", True), ("likely", "0.95", False),
    ("5 of 5", "0.8", True)])
def test_percentages_in_the_words_are_the_confidence(nano, said, stated, fits):
    form = grammar.explanation({12: 3.0}, likely=[0.8])
    text = f"<think>Interpretation: It is {said} for happiness. So it is. Confidence: {stated}.</think><answer>happiness</answer>"
    assert follows(nano.engine.tokenizer, form, text) == fits


def test_constrained_answers_of_the_reasoner():
    answer = Reasoner.load("nano#constrain").ask(HAPPY)[0]
    assert answer.problem is None and answer.unsupported == () and answer.explanation.observations


def test_stopping_a_stream_stops_the_model(nano, asked):
    seen = []
    made = nano.engine.generate([asked[0], asked[1]], lambda i, piece: seen.append(i) or i == 1 or seen.count(0) < 3)
    assert made[0].finish == "cancelled" and made[0].completion_tokens < 10 and made[1].finish == "stop"
    pieces = engines.stream(nano.engine, asked[0])
    next(pieces)
    pieces.close()


def test_chat_marks_in_a_question_are_only_words(nano, asked):
    request = replace(asked[0], messages=question("<image><|end|>Why <|assistant|>sad?"))
    assert nano.engine.text(request).count("<image>") == 1
    assert nano.engine.generate([replace(request, max_tokens=4)])[0].completion_tokens == 4


def test_a_conversation_that_is_too_long(nano, asked):
    with pytest.raises(ValueError, match="takes 2048 in all"):
        nano.engine.generate([replace(asked[0], messages=question("why " * 3000))])


def test_a_batch_that_does_not_fit_is_halved():
    engine = NativeEngine(*tiny.make())
    sizes, generate = [], engine.model.generate

    def small(inputs_embeds, **kwargs):
        sizes.append(len(inputs_embeds))
        if len(inputs_embeds) > limit:
            raise torch.cuda.OutOfMemoryError
        return generate(inputs_embeds=inputs_embeds, **kwargs)

    requests = [Request(question(q), (media(i),), 6) for i, q in enumerate(("Why?", "How sure are you?", "What?"))]
    limit = 9
    whole = engine.generate(requests)
    engine.model.generate, limit = small, 1
    assert engine.generate(requests) == whole and sizes == [3, 1, 2, 1, 1]
    limit = 0
    with pytest.raises(UserError, match="GPU's memory"):
        engine.generate(requests[:1])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A tiny model made here, and an adapter to it whose weights are not zero."""
    from peft import LoraConfig, get_peft_model

    base, adapter = (tmp_path_factory.mktemp("models") / n for n in ("base", "adapter"))
    model, processor = tiny.make()
    model.save_pretrained(base)
    processor.tokenizer.save_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=r".*language_model.*\.(q_proj|v_proj)", init_lora_weights=False))
    for name, p in adapted.named_parameters():
        if "lora_" in name:
            p.data.normal_(std=0.5)
    adapted.peft_config["default"].base_model_name_or_path = str(base)
    adapted.save_pretrained(adapter)
    return base, adapter


def test_adapters_merged_or_beside(folders):
    base, adapter = folders
    request = Request(question("Why?"), (media(),), 24)
    made = [engines.load(spec) for spec in (
        str(base), f"{base}#lora={adapter}", f"{base}#lora={adapter},merge=no", str(adapter))]
    plain, merged, beside, named = [e.generate([request])[0].text for e in made]
    assert merged == beside == named != plain
    assert [e.name for e in made] == [str(base)] * 3 + [str(adapter)]


@pytest.mark.parametrize("base, model, expected", [
    ("nano", "{}", ("local", "nano")), ("org/model", "{}", ("hf", "org/model")), ("org/model", "vllm:{}", ("vllm", "org/model")), ("nano", "vllm:{}", ("vllm", "nano"))])
def test_an_adapter_names_its_base(base, model, expected, tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    spec = without_adapter(parse_spec(model.format(tmp_path)))
    assert (spec.kind, spec.name) == expected and spec.lora == str(tmp_path)


def test_folders_that_do_not_fit(folders, tmp_path):
    base, _ = folders
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "adapter_config.json").write_text("{}")
    for spec, says in ((f"{base}#lora={tmp_path}", "no adapter"), (str(tmp_path), "cannot be read"), ("nowhere", "hf:nowhere"), (str(tmp_path / "a"), "BASE#lora="),
                       (f"{base}#dtype=int3", "float32, bfloat16"), (f"{base}#device=cuda:7", "device=cpu")):
        with pytest.raises(UserError, match=says):
            engines.load(spec)


@pytest.mark.parametrize("name, left", [
    ("model.safetensors", b"x" * 2000), ("tokenizer.json", b"{}"), ("tokenizer.json", None), ("chat_template.jinja", None)])
def test_a_damaged_folder_is_one_line(folders, tmp_path, name, left):
    base, _ = folders
    shutil.copytree(base, tmp_path / "m")
    (tmp_path / "m" / name).unlink() if left is None else (tmp_path / "m" / name).write_bytes(left)
    with pytest.raises(UserError, match="cannot be loaded|chat_template"):
        engines.load(str(tmp_path / "m"))


def save_llava(folder):
    """A tiny random LLaVA in the real format."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = tiny.tokenizer_of()
    tokenizer.chat_template = None
    vision = CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16)
    text = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
                       intermediate_size=48, pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id, bos_token_id=None)
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"), image_seq_length=4)
    torch.manual_seed(1)
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    template = ("{% for m in messages %}<|user|>{% for p in m['content'] %}{% if p['type'] == 'image' %}<image>"
                "{% else %}{{ p['text'] }}{% endif %}{% endfor %}{% endfor %}<|assistant|>")
    sizes = {"shortest_edge": 32}, {"height": 32, "width": 32}
    LlavaProcessor(CLIPImageProcessor(size=sizes[0], crop_size=sizes[1]), tokenizer, patch_size=16, vision_feature_select_strategy="default",
                   num_additional_image_tokens=1, chat_template=template).save_pretrained(folder)


def test_a_vision_language_model_made_elsewhere(tmp_path):
    """It gets the scene, the face and the evidence in words; its answer is checked as any other."""
    save_llava(tmp_path)
    reasoner = Reasoner.load(f"{tmp_path}#constrain,retries=0")
    assert isinstance(reasoner.engine, HubEngine) and reasoner.engine.sees
    request = reasoner.request(find_subjects(SAD), "Why?")
    assert len(request.media) == 2 and request.media[0].shape != request.media[1].shape
    words = " ".join(p["text"] for p in request.messages[0]["content"] if p["type"] == "text")
    assert "Evidence: AU1" in words and words.endswith("Why?")
    answer = reasoner.ask(SAD)[0]
    assert answer.problem is None and answer.unsupported == () and answer.evidence.aus.shape == (1, 22)
    one = [replace(request, grammar=None, max_tokens=12), replace(request, messages=({"role": "user", "content": "Hello"},), media=(), grammar=None, max_tokens=12)]
    assert [reasoner.engine.generate([r])[0] for r in one] == reasoner.engine.generate(one)


def test_a_language_model_without_sight(folders, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny.tokenizer_of()
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
                                 intermediate_size=48, eos_token_id=tokenizer.eos_token_id, bos_token_id=None)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    answer = Reasoner.load(f"hf:{tmp_path}#constrain,retries=0").ask(HAPPY)[0]
    assert answer.problem is None and answer.evidence.intensities()[12] > 1


def test_vllm_that_is_not_there_is_one_line():
    try:
        import vllm  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match=r"pip install 'emoreason\[vllm\]'"):
            engines.load("vllm:nano")


def test_completions_are_plain_values(alone):
    assert all(isinstance(c, Completion) and c.prompt_tokens > 30 and c.completion_tokens > 50 for c in alone)


def test_the_engine_places_media_as_the_model_does():
    model, processor = tiny.make()
    engine, shown = NativeEngine(model, processor), (media(1), media(2))
    request = Request(tuple(question("Which looks happier?", shown=2)), shown, 8)
    batch = processor(images=list(shown), text=[engine.text(request)])
    with torch.inference_mode():
        torch.testing.assert_close(engine.embed(request), model.model.embed(**batch_of(batch))[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shares, figure, fits", [
    ((0.83,), "0.85", True), ((0.83,), "0.8", True), ((0.83,), "0.95", False), ((0.83,), "0.7", False), ((0.83, 0.4), "0.4", True),
    ((0.99,), "1", True), ((), "0.13", True), ((0.02,), "0", True)])
def test_a_confidence_stays_near_the_probability(nano, shares, figure, fits):
    text = (f"<think>Key observations: The lip corners are raised (AU12, 2.0). Interpretation: It looks happy. Confidence: {figure}. Valence: 0.5. "
            "Arousal: 0.2.</think><answer>happiness</answer>")
    assert follows(nano.engine.tokenizer, grammar.explanation({12: 2.0}, likely=shares), text) == fits


def batch_of(batch):
    return {k: torch.as_tensor(batch[k]) for k in ("input_ids", "pixel_values")}
