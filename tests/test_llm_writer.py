"""A language model as writer, over HTTP: texts verified, asked again with the reason, kept, counted."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emoreason import engines
from emoreason.asked import Asked
from emoreason.data_pipeline import build, llm, shards
from emoreason.data_pipeline.filter import REASONS
from emoreason.errors import UserError
from emoreason.eval import models
from emoreason.eval.judge import Judge
from emoreason.sources import Record

GOOD = ("Here you are:\n<think>Key observations: The smile is broad (AU12, 3.4). The cheeks bulge (AU6, 2.6). "
        "Interpretation: Raised cheeks make the smile whole.</think><answer>happiness</answer> I hope this helps.")
WRONG = GOOD.replace("(AU6, 2.6)", "(AU6, 2.6). The brows come down (AU4, 2.0)")
RECORD = Record("1", "s", emotion="happiness", aus={4: 0.0, 6: 2.6, 12: 3.4})


class Server(ThreadingHTTPServer):
    """An OpenAI-compatible server: ``answer(prompt)`` is the model; ``asked`` keeps what was asked."""

    def __init__(self, answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.asked = answer, []

    @property
    def spec(self) -> str:
        return f"openai:tiny@http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        prompt = content if isinstance(content, str) else "".join(p.get("text", "") for p in content)
        self.server.asked.append(prompt)
        found = self.server.answer(prompt)
        self.send_response(200 if found is not None else 400)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        reply = {"choices": [{"index": 0, "message": {"role": "assistant", "content": found}, "finish_reason": "stop"}],
                 "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}}
        self.wfile.write(json.dumps(reply if found is not None else {"error": {"message": "no such model"}}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator:
    made = []

    def start(answer) -> Server:
        server = Server(answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
        return server

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


def write(server: Server, record: Record = RECORD, attempts: int = 3, cache: Path | None = None):
    made = llm.writer(engines.complete(server.spec), "tiny", attempts, cache)
    return made(record, random.Random(0))


def test_a_good_text_is_taken_as_it_is(serve, tmp_path: Path) -> None:
    server = serve(lambda prompt: GOOD)
    question, text, whole = write(server, cache=tmp_path / "w.jsonl")
    assert text.startswith("<think>") and text.endswith("</answer>") and whole and question in server.asked[0]
    assert "AU12 lip corner puller 3.4" in server.asked[0] and "Absent: AU4." in server.asked[0]
    assert "leave out Confidence" in server.asked[0] and "Emotion: happiness" in server.asked[0]
    assert write(server, cache=tmp_path / "w.jsonl")[1] == text and len(server.asked) == 1, "answers are kept"


def test_confidence_is_told_where_it_is_known() -> None:
    votes = Record("1", "s", emotion="fear", aus={5: 3.0}, votes={"fear": 7.0, "surprise": 3.0, "anger": 0.0}, valence=-0.4)
    asked = llm.prompt_of(votes, "Why?")
    assert "fear 0.70, surprise 0.30." in asked and "leave out Confidence" not in asked and "Valence -0.4." in asked
    assert "AU5 upper lid raiser 3.0" in asked and "Absent: not coded" in asked and asked.endswith("Question: Why?")


def test_a_refused_text_is_asked_for_again_with_the_reason(serve) -> None:
    server = serve(lambda prompt: GOOD if "It is refused" in prompt else WRONG)
    assert write(server)[1].count("(AU") == 2
    assert "absent AU claimed (AU4, annotated 0)" in server.asked[1] and len(server.asked) == 2
    stubborn = serve(lambda prompt: WRONG)
    why = write(stubborn, attempts=2)
    assert (why.reason, len(stubborn.asked)) == ("absent AU claimed", 2) and "AU4, 2.0" in why.text


def test_what_cannot_be_written_about(serve) -> None:
    server = serve(lambda prompt: GOOD)
    for record in (Record("1", "s", emotion="fear"), Record("1", "s", emotion="anxiety", aus={4: 1.0})):
        assert write(server, record).reason == "nothing to explain"
    assert not server.asked


def table(folder: Path, n: int) -> Path:
    lines = [f"{i}.mp4,joy,p{i},0,{2 + i / 10:.1f},{3 + i / 10:.1f}" for i in range(n)]
    (folder / "t.csv").write_text("\n".join(["video,emotion,subject,AU4,AU6,AU12", *lines]) + "\n")
    return folder / "t.csv"


def config(folder: Path, n: int, server: Server, **options) -> build.Config:
    return build.Config([{"name": "csv", "path": str(table(folder, n))}], str(folder / "out"), texts="engine",
                        writer=server.spec + "#tries=1", same_texts="keep", rows=4, **options)


def honest(prompt: str) -> str:
    """What the prompt lists, in sentences; but of a smile of 3.3 it says too much."""
    told = prompt.split("Present: ")[1].split(".\n")[0].split("; ")
    marks = [f"It moves ({unit.split()[0]}, {unit.split()[-1]})." for unit in told]
    more = " The brows come down (AU4, 2.0)." if "3.3" in prompt else ""
    return f"<think>Key observations: {' '.join(marks)}{more} Interpretation: A smile.</think><answer>happiness</answer>"


@pytest.mark.parametrize("workers", [1, 4])
def test_a_build_over_http(serve, tmp_path: Path, workers: int) -> None:
    server = serve(honest)
    manifest = build.build(config(tmp_path, 10, server, workers=workers), progress=False)
    assert manifest["kept"] == 9 and manifest["by_reason"] == {"absent AU claimed": 1}
    rows = list(shards.rows(tmp_path / "out"))
    assert [r["id"] for r in rows] == [f"{i}.mp4" for i in range(10) if i != 3] and {r["origin"] for r in rows} == {"engine"}
    assert len(server.asked) == 9 + 2, "the one that fails is asked again with the reason, and not twice the same"


def test_a_build_goes_on_after_the_server_fails(serve, tmp_path: Path) -> None:
    """A dead server stops the build with one line; the next run asks only for what is missing."""
    server = serve(honest)
    server.answer = lambda prompt: None if len(server.asked) > 6 else honest(prompt)
    with pytest.raises(UserError, match="failed 3 times in a row"):
        build.build(config(tmp_path, 12, server), progress=False)
    done = shards.load_manifest(tmp_path / "out")
    assert not done["complete"] and 4 <= done["items"] <= 6
    server.answer, before = honest, len(server.asked)
    manifest = build.build(config(tmp_path, 12, server), progress=False)
    assert manifest["complete"] and manifest["kept"] == 11
    first = {p for p in server.asked[:6]}
    assert not first & set(server.asked[before:]), "nothing is asked twice"
    assert "writer failed" in REASONS


def test_a_judge_over_http(serve, tmp_path: Path) -> None:
    server = serve(lambda prompt: '{"score": 4}')
    judge = Judge(models.judge(server.spec), "tiny", tmp_path / "judge.jsonl")
    assert judge.score("How good? {x}", 0, 5, x="this") == 4 and server.asked == ["How good? this"]
    assert Judge(models.judge(server.spec), "tiny", tmp_path / "judge.jsonl").score("How good? {x}", 0, 5, x="this") == 4
    assert len(server.asked) == 1


def test_answers_are_kept_and_torn_lines_asked_again(tmp_path: Path) -> None:
    path, said = tmp_path / "a.jsonl", []
    asked = Asked(lambda p: said.append(p) or p.upper(), "m", path)
    assert asked("a") == asked("a") == "A" and asked("b") == "B"
    path.write_text(path.read_text()[:-9])
    again = Asked(lambda p: said.append(p) or p.upper(), "m", path)
    assert again("a") == "A" and again("b") == "B" and said == ["a", "b", "b"]
    with pytest.raises(ValueError, match="nothing"):
        Asked(lambda p: "  ", "m")("x")
