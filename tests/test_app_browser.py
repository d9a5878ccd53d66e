"""The page in a real browser: what a person sees and clicks. Run as a script it makes the pictures of docs/app.md."""

import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import paged
import pytest
from paged import SAMPLES
from PIL import Image

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[browser]'")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
LONG = 120_000  # milliseconds that a slow machine may take


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = paged.browser(play)
        yield made
        made.close()


@pytest.fixture
def tab(browser):
    """Opens tabs; afterwards no script may have failed and nothing outside may have been asked for."""
    opened, troubles, hosts = [], [], set()

    def open_(**settings):
        settings = {"viewport": {"width": 1360, "height": 1000}, **settings}
        context = browser.new_context(**settings)
        page = context.new_page()
        page.set_default_timeout(LONG)
        page.on("pageerror", lambda e: troubles.append(str(e)))
        page.on("request", lambda r: hosts.add(re.sub(r"^\w+://([^/]*).*", r"\1", r.url)) if "://" in r.url else None)
        page.goto(paged.app().local_url)
        page.wait_for_selector("#er-box textarea")
        opened.append(context)
        return page

    yield open_
    for context in opened:
        context.close()
    assert not troubles
    assert all(re.match(r"127\.0\.0\.1:\d+$", h) for h in hosts if not h.startswith("127.0.0.1")), hosts


def sample(page, name):
    page.get_by_role("tab", name="Samples").click()
    page.click(f'[data-sample="{name}"]')
    page.wait_for_selector(".er-fig svg")
    page.wait_for_selector("#er-figures section")


def upload(page, path):
    page.get_by_role("tab", name="File").click()
    page.set_input_files("#er-drop input[type=file]", path)


def ask(page, question, count=1):
    page.fill("#er-box textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelectorAll('.er-answer').length == {count}")
    page.wait_for_timeout(300)


def test_upload_ask_and_follow_up(tab):
    page = tab()
    upload(page, SAMPLES / "happy.jpg")
    page.wait_for_selector(".er-region[data-au='12']")
    assert "Is the smile genuine?" in page.inner_text("#er-chips"), "the questions suit the face"
    ask(page, "Why does this face look happy?")
    assert "happy" in page.inner_text(".er-answer") and "% sure" in page.inner_text(".er-answer").replace("\n", " ")
    page.wait_for_selector(".er-claims", state="hidden")  # the reasoning folds
    ask(page, "How sure are you?", 2)
    assert page.locator(".er-q").all_inner_texts() == ["Why does this face look happy?", "How sure are you?"]


def test_the_answer_streams(tab):
    page = tab()
    sample(page, "sad.jpg")
    page.evaluate("""() => { window.seen = []; new MutationObserver(() => {
        const live = document.querySelector('.er-live'); if (live) window.seen.push(live.innerText); })
        .observe(document.body, {subtree: true, childList: true, characterData: true}); }""")
    ask(page, "Why does this face look sad?")
    grown = list(dict.fromkeys(page.evaluate("window.seen")))
    assert len(grown) > 3 and len(grown[-1]) > len(grown[0]) and "<" not in "".join(grown)


def test_an_au_lights_its_region_by_click_and_by_key(tab):
    page = tab()
    sample(page, "happy.jpg")
    ask(page, "Which action units are active?")
    page.click('.er-bar[data-au="12"]')
    page.mouse.move(5, 5)
    for part in (".er-region", ".er-map", ".er-bar"):
        assert page.locator(f'{part}[data-au="12"].er-on').count() == 1, part
    assert page.locator(".er-region.er-on").count() == 1
    page.wait_for_timeout(300)
    assert float(page.eval_on_selector('.er-map[data-au="12"]', "e => getComputedStyle(e).opacity")) > 0.5
    page.keyboard.press("Escape")
    assert page.locator(".er-region.er-on").count() == 0
    page.focus('.er-bar[data-au="6"]')
    assert page.locator('.er-region[data-au="6"].er-on').count() == 1
    link = page.locator(".er-answer .er-au").first
    link.focus()
    page.keyboard.press("Enter")
    aus = link.get_attribute("data-au").split()
    assert all(page.locator(f'.er-bar[data-au="{a}"].er-on').count() for a in aus if a in ("6", "12", "25"))


def test_a_clip_its_timeline_and_what_changed(tab):
    page = tab()
    sample(page, "smile.mp4")
    page.wait_for_selector(".er-time")
    page.wait_for_function("document.querySelector('.er-film video').readyState >= 2")
    event = page.locator('.er-event[data-au="12"]').first
    apex = float(event.get_attribute("data-seek"))
    event.click()
    page.wait_for_function(f"Math.abs(document.querySelector('.er-film video').currentTime - {apex}) < 0.05")
    page.wait_for_function(f"Math.abs(getComputedStyle(document.querySelector('.er-time')).getPropertyValue('--t') * 3.6 - {apex}) < 0.1")
    assert page.locator('.er-film .er-region[data-au="12"] circle').first.get_attribute("cx"), "the region is on the face"
    shown = page.locator('.er-film .er-map[data-au="12"].er-on')
    page.wait_for_function("e => e.style.display === ''", arg=shown.element_handle())
    maps = page.locator(".er-film .er-map").evaluate_all("all => all.map(e => [+e.dataset.at, e.style.display])")
    assert all((abs(at - apex) < 0.2) == (display == "") for at, display in maps), "each only around its own peak"
    page.click('.er-bar[data-au="6"]')
    peak = float(page.locator('.er-film .er-map[data-au="6"]').get_attribute("data-at"))
    page.wait_for_function(f"Math.abs(document.querySelector('.er-film video').currentTime - {peak}) < 0.05")
    lane = page.locator(".er-scale .er-lane").bounding_box()
    page.mouse.click(lane["x"] + lane["width"] * 0.25, lane["y"] + 5)
    page.wait_for_function("Math.abs(document.querySelector('.er-film video').currentTime - 0.9) < 0.1")
    event.click()
    page.click(".er-event-note .er-ask")
    page.wait_for_selector(".er-answer")
    assert re.match(r"What does the face show at \d+\.\d seconds\?", page.inner_text(".er-q"))
    page.wait_for_timeout(500)
    assert page.locator(".er-film .er-face rect").get_attribute("width"), "still drawn after the answer came"


def test_several_faces_are_chosen_by_click(tab, tmp_path):
    pair = Image.new("RGB", (1024, 512))
    for i, name in enumerate(("happy", "sad")):
        pair.paste(Image.open(SAMPLES / f"{name}.jpg"), (512 * i, 0))
    pair.save(tmp_path / "pair.jpg")
    page = tab()
    upload(page, tmp_path / "pair.jpg")
    page.wait_for_selector('.er-face[data-face="2"]')
    first = page.inner_text(".er-bars")
    page.click('.er-face[data-face="2"]')
    page.wait_for_selector('.er-face.er-chosen[data-face="2"]')
    page.wait_for_function("before => document.querySelector('.er-bars').innerText !== before", arg=first)
    page.focus('.er-face[data-face="1"]')
    page.keyboard.press("Enter")
    page.wait_for_selector('.er-face.er-chosen[data-face="1"]')


def test_two_pictures_are_compared(tab):
    page = tab()
    sample(page, "happy.jpg")
    page.check("#er-beside input")
    page.click('[data-sample="sad.jpg"]')
    page.wait_for_function("document.querySelectorAll('.er-fig').length == 2")
    ask(page, "Compare the two faces.")
    assert "first" in page.inner_text(".er-answer").lower()


def test_no_face_and_a_corrupt_file(tab, tmp_path):
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    page = tab()
    upload(page, tmp_path / "wall.png")
    page.wait_for_selector("figure .er-nothing")
    ask(page, "Why?")
    assert "no reading" in page.inner_text(".er-answer")
    upload(page, tmp_path / "broken.jpg")
    page.wait_for_selector("[role=alert].er-nothing")
    assert page.inner_text("[role=alert].er-nothing").startswith("broken.jpg is no picture")
    assert page.locator(".er-fig").count() == 1, "what was there before stays"


def test_two_users_at_once_do_not_meet(tab):
    one, two = tab(), tab()
    sample(one, "happy.jpg")
    sample(two, "angry.jpg")
    for page in (one, two):
        page.fill("#er-box textarea", "Why does it look like that?")
    for page in (one, two):
        page.press("#er-box textarea", "Enter")
    for page, look in ((one, "happy"), (two, "angry")):
        page.wait_for_selector(".er-answer")
        assert f"looks {look}" in page.inner_text(".er-answer")
        assert page.inner_text("figcaption").startswith(f"{look}.jpg")


def test_an_answer_is_saved_three_ways(tab, tmp_path):
    page = tab()
    sample(page, "angry.jpg")
    ask(page, "Why does this face look angry?")
    paths = {}
    for kind in ("JSON", "HTML report", "PNG card"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save {kind}").click()
        paths[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(paths[kind])
    data = json.loads(paths["JSON"].read_text())
    assert data["emotion"] == "anger" and data["model"] == "nano" and "never what a person is" in data["limits"]
    assert Image.open(paths["PNG card"]).width > 1000
    report = paths["HTML report"].read_text()
    assert "looks angry" in report and not re.search(r'(?:src|href)="(?!data:|#)', report), "it needs nothing else"
    alone = page.context.new_page()
    alone.goto(paths["HTML report"].as_uri())
    alone.hover('.er-bar[data-au="4"]')
    assert alone.locator('.er-region[data-au="4"].er-on').count() == 1


def test_a_picture_from_the_webcam(tab):
    page = tab(permissions=["camera"])
    page.get_by_role("tab", name="Webcam picture").click()
    page.locator("#er-photo button", has_text=re.compile("webcam|camera|access", re.I)).first.click()
    page.wait_for_function("[...document.querySelectorAll('#er-photo video')].some(v => v.videoWidth > 0)")
    page.locator("#er-photo button[aria-label*='capture' i], #er-photo .button-wrap button").first.click()
    page.wait_for_selector(".er-fig svg image")


def test_batch_and_evaluate(tab, tmp_path):
    page = tab()
    page.get_by_role("tab", name="Batch").click()
    (tmp_path / "broken.mp4").write_bytes(b"no clip")
    page.set_input_files("#er-clips input[type=file]", [SAMPLES / "smile.mp4", tmp_path / "broken.mp4"])
    page.wait_for_function("document.querySelectorAll('#er-clips tr, #er-clips .file').length >= 2")
    page.click("#er-caption")
    page.wait_for_function("(document.querySelector('.er-batch p') || {}).innerText === '2 of 2 clips done, 1 failed'")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save jsonl").click()
    rows = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [r["video"] for r in rows] == ["smile.mp4", "broken.mp4"] and rows[1]["error"]
    page.get_by_role("tab", name="Evaluate").click()
    give(page, predictions(tmp_path))
    page.click("#er-compare")
    page.wait_for_selector(".er-versus table")
    assert "first better" in page.inner_text(".er-versus")


def give(page, paths):
    """Each file to the first empty box, which then is none any more."""
    for path in paths:
        page.locator("[role=tabpanel]:visible input[type=file]").first.set_input_files(path)
        page.wait_for_function("name => document.body.innerText.includes(name)", arg=path.name)
        page.wait_for_timeout(500)


def predictions(folder):
    told = ("He raises his brows and opens his mouth.", "She smiles and then closes her eyes.",
            "He frowns, then lowers his head.", "She turns her head to the left and purses her lips.")
    rows = [{"id": str(i), "video": f"{i}.mp4", "caption": f"At the beginning, {c[0].lower()}{c[1:]}"}
            for i, c in enumerate(told)]
    shifted = [dict(r, caption=rows[i - 1]["caption"]) for i, r in enumerate(rows)]
    paths = [folder / name for name in ("test.json", "first.jsonl", "second.jsonl")]
    paths[0].write_text(json.dumps(rows))
    for path, made in zip(paths[1:], (rows, shifted), strict=True):
        path.write_text("".join(json.dumps(r) + "\n" for r in made))
    return paths


def picture(page, path, wide=1000, most=60_000, **settings):
    """A screenshot as WebP, ``wide`` pixels across and smaller than ``most`` bytes."""
    image = Image.open(io.BytesIO(page.screenshot(**settings))).convert("RGB")
    image = image.resize((wide, round(image.height * wide / image.width)), Image.Resampling.LANCZOS)
    for quality in range(85, 20, -5):
        out = io.BytesIO()
        image.save(out, "WEBP", quality=quality, method=6)
        if out.tell() < most:
            break
    path.write_bytes(out.getvalue())


def pictures(folder):
    """The pictures of docs/app.md, with the faces of samples/ only."""
    import tempfile

    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = paged.browser(play)

        def tab(**settings):
            page = made.new_context(**{"viewport": {"width": 1280, "height": 960}, **settings}).new_page()
            page.set_default_timeout(LONG)
            page.goto(paged.app().local_url)
            page.wait_for_selector("#er-box textarea")
            return page

        page = tab()
        sample(page, "sad.jpg")
        ask(page, "Why does this face look sad?")
        page.get_by_text("Reasoning: what was observed").click()
        page.hover('.er-bar[data-au="15"]')
        page.wait_for_timeout(800)
        picture(page, folder / "answer.webp", full_page=True)
        page = tab()
        sample(page, "smile.mp4")
        ask(page, "What changes over the clip, and when?")
        page.locator('.er-event[data-au="12"]').first.click()
        page.wait_for_timeout(1500)
        picture(page, folder / "clip.webp", full_page=True)
        page = tab(color_scheme="dark")
        sample(page, "surprised.jpg")
        ask(page, "Which action units are active?")
        picture(page, folder / "dark.webp", full_page=True)
        page = tab()
        sample(page, "happy.jpg")
        page.check("#er-beside input")
        page.click('[data-sample="sad.jpg"]')
        page.wait_for_function("document.querySelectorAll('.er-fig').length == 2")
        ask(page, "Compare the two faces.")
        picture(page, folder / "compare.webp", full_page=True)
        with tempfile.TemporaryDirectory() as place:
            wall = Path(place) / "wall.png"
            Image.fromarray(np.full((300, 400, 3), (120, 140, 150), np.uint8)).save(wall)
            page = tab()
            upload(page, wall)
            page.wait_for_selector("figure .er-nothing")
            ask(page, "Why does this face look sad?")
            picture(page, folder / "noface.webp")
            page = tab()
            page.get_by_role("tab", name="Batch").click()
            broken = Path(place) / "broken.mp4"
            broken.write_bytes(b"no clip")
            page.set_input_files("#er-clips input[type=file]", [SAMPLES / "smile.mp4", broken])
            page.wait_for_function("document.querySelectorAll('#er-clips tr, #er-clips .file').length >= 2")
            page.click("#er-caption")
            page.wait_for_function("(document.querySelector('.er-batch p') || {}).innerText?.startsWith('2 of 2')")
            picture(page, folder / "batch.webp", clip={"x": 0, "y": 0, "width": 1280, "height": 620})
            page.get_by_role("tab", name="Evaluate").click()
            give(page, predictions(Path(place)))
            page.click("#er-compare")
            page.wait_for_selector(".er-versus table")
            picture(page, folder / "evaluate.webp", clip={"x": 0, "y": 0, "width": 1280, "height": 780})
        page = tab(viewport={"width": 400, "height": 860})
        sample(page, "angry.jpg")
        ask(page, "Why does this face look angry?")
        picture(page, folder / "narrow.webp", wide=400, full_page=True)
        made.close()


if __name__ == "__main__":
    pictures(Path(sys.argv[1]))
