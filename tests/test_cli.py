import subprocess
import sys

import pytest

from emoreason import cli
from emoreason.ask import COMPARING, split_question
from emoreason.errors import UserError
from emoreason.prompts import DEFAULT_QUESTION


def run(*argv, capsys):
    code = cli._main(list(argv))
    return code, *capsys.readouterr()


@pytest.mark.parametrize("argv, code, words", [
    ((), 0, "usage"), (("--help",), 0, "ask"), (("nope",), 2, "unknown command"), (("data",), 2, "data synth"),
    (("ask", "missing.jpg", "why?"), 2, "missing.jpg not found"), (("ask", "Why does this face look sad?"), 2, "no picture given"),
    (("ask", "tests", "why?"), 2, "folder"),
])
def test_mistakes_are_one_line(argv, code, words, capsys):
    got, out, err = run(*argv, capsys=capsys)
    assert got == code
    assert words in out + err
    assert code == 0 or err.count("\n") == 1


def test_a_model_folder_that_is_none(tmp_path, capsys):
    picture = tmp_path / "a.png"
    from PIL import Image

    Image.new("RGB", (48, 48), "grey").save(picture)
    got, _, err = run("ask", str(picture), "why?", "--model", str(tmp_path), capsys=capsys)
    assert got == 2 and "config.json" in err


def test_question_and_media_are_told_apart(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    path = str(tmp_path / "a.jpg")
    assert split_question([path]) == ([path], DEFAULT_QUESTION)
    assert split_question([path, "Is the smile genuine?"]) == ([path], "Is the smile genuine?")
    assert split_question([path, "sure?"]) == ([path], "sure?")
    assert split_question([path, "missing.png"])[0] == [path, "missing.png"]
    with pytest.raises(UserError):
        split_question(["why?"])


def test_nothing_heavy_is_imported_early():
    code = "import sys, emoreason.cli, emoreason.ask; print(sorted({'torch', 'transformers', 'gradio', 'cv2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("question, compares", [
    ("Who looks happier?", True), ("Which smile is stronger?", True), ("What changed, before and after?", True), ("What do they have in common?", True),
    ("More angry: first or second?", True), ("Put the two faces side by side.", True), ("Is face two more neutral?", True), ("How do they differ?", True),
    ("Why does she look sad?", False), ("Which action units are active?", False), ("How sure are you?", False), ("Who is this?", False)])
def test_what_compares_two_pictures(question, compares):
    assert bool(COMPARING.search(question)) == compares
