"""What is not answered: questions that a face cannot settle, and faces that cannot be read."""

from __future__ import annotations

from emoreason.data_pipeline.facts import Facts
from emoreason.data_pipeline.grammar import Voice, pool, sentence
from emoreason.data_pipeline.questions import Question
from emoreason.data_pipeline.sentences import limit_pool
from emoreason.schema import Explanation

OPENING = {
    "identity": pool("who this is cannot be answered here", "I do not identify people",
                     "naming people is not something I do", "I cannot say who this is",
                     "a person's name is not mine to guess",
                     "whose face this is stays out of my answers"),
    "age": pool("I do not guess age", "how old someone is cannot be answered here", "age is not something I judge",
                "I cannot tell an age from movements", "years are not written in the movements I read",
                "a guess at age is not something I give"),
    "gender": pool("I do not judge gender", "gender is not something I read from a face",
                   "I cannot answer questions about gender", "whether a man or a woman is not judged here",
                   "the movements I read have no gender",
                   "a person's gender is not mine to decide"),
    "ethnicity": pool("I do not judge origin or ethnicity", "where someone comes from is not read from a face here",
                      "I cannot answer questions about origin", "ethnicity and origin are not judged here",
                      "origin and belief cannot be seen in movements", "a person's background is not mine to guess"),
    "looks": pool("I do not rate looks", "beauty is not judged here",
                  "how attractive someone is lies outside what I answer", "I cannot rate a person's looks",
                  "no scores for beauty are given here",
                  "whether a face is beautiful is not for me to say"),
    "honesty": pool("a face cannot show whether someone is honest", "I do not judge honesty",
                    "no movement of the face proves a lie", "truth and lies cannot be read from a face",
                    "trust is not something a face can settle",
                    "no expression tells whether a person is honest"),
    "job": pool("a face says nothing about fitness for a job", "I do not judge ability or fitness for work",
                "skill and attention at work are not judged from a face here",
                "such judgments should not rest on a face",
                "talent and character at work cannot be seen in a face",
                "decisions about work or study should not use a face"),
    "health": pool("I cannot judge health from a face", "I do not make diagnoses",
                   "that is a question for a doctor, not for a picture", "illness is not something I judge from a face",
                   "neither body nor mind is diagnosed here", "a picture of a face is no basis for a diagnosis"),
    "mind": pool("what someone thinks or feels inside cannot be seen", "a face shows movement, not the mind",
                 "I cannot look into a mind", "thoughts and character are not written in a face",
                 "the inside of a person is not visible", "wishes and thoughts stay hidden behind a face"),
    "offtopic": pool("I only answer questions about facial expressions", "that lies outside what I can answer",
                     "my subject is the movement of faces", "I cannot help with that",
                     "this is not a question about an expression",
                     "I know only about faces and how they move"),
}
_OFFER = pool(
    "I can [describe|explain] how the face moves", "ask me what the face shows and why",
    "I can say which movements show", "I can explain the expression", "I can tell what the expression looks like",
    "a question about the expression is welcome", "I can [describe|name] the visible movements",
    "what I can do is describe the expression", "I can only describe what the face does",
    "you may ask how the face looks and why",
    "I can list the action units instead",
)
_OFFER_MIND = pool("I can only say how it looks", "I can describe what the face shows",
                   "I can only explain the visible expression", "what I can do is describe how the face looks",
                   "I can say what the expression looks like",
                   "only the visible movements can be described")
_SORRY = ("", "", "", "sorry, ", "I am sorry, but ", "I am afraid ", "sorry, but ", "thank you, but ")


def decline(question: Question, voice: Voice) -> Explanation:
    """One polite sentence, no conclusion."""
    topic = question.topic or "offtopic"
    opening = voice.one(_SORRY) + voice.say(OPENING[topic])
    offer = voice.say(_OFFER_MIND if topic == "mind" else _OFFER)
    plain = "but" in opening or "only" in offer or offer.startswith(("ask", "a question", "what", "you may"))
    return Explanation((), sentence(opening + ("; " if plain else voice.one(("; ", ", but ", "; "))) + offer))


_UNREADABLE = pool(
    "the face cannot be read here because {reasons}", "no reading is possible: {reasons}",
    "I cannot say what this face shows, as {reasons}", "this face is left without a reading, since {reasons}",
    "nothing reliable can be said about the expression, because {reasons}",
    "the expression cannot be judged here: {reasons}", "there is too little to see for a reading, as {reasons}",
    "I would rather not guess, because {reasons}", "an answer would be a guess here, since {reasons}",
    "with a view like this no answer would be safe: {reasons}",
)
_REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("small", ("the face is too small in the picture", "the picture has too few pixels on the face")),
    ("dark", ("the face is too dark", "there is too little light on the face")),
    ("bright", ("the face is too bright", "the light washes out the face")),
    ("blur", ("the picture is too blurred", "the face is out of focus")),
    ("turn", ("the head is turned too far away", "too much of the face is turned away")),
    ("cover", ("too much of the face is covered",)), ("light", ("the light on the face is too poor",)),
)
_BETTER = pool("a closer or sharper picture would help", "a clearer picture from the front would help",
               "a better picture would make an answer possible", "please try a clearer picture",
               "with a better view it could be answered")


def unreadable(facts: Facts, voice: Voice) -> Explanation:
    """The view is too poor: say so and why, conclude nothing."""
    reasons: list[str] = []
    for reason in facts.quality[:3]:
        table = limit_pool(reason)
        words = next((texts for key, texts in _REASONS if limit_pool(key) is table), None)
        said = voice.one(words) if words else reason.strip(" .")
        if said not in reasons:
            reasons.append(said)
    said = [voice.say(_UNREADABLE, reasons=voice.listed(reasons) or "the view is too poor")]
    if voice.chance(0.4):
        said.append(voice.say(_BETTER))
    return Explanation((), " ".join(sentence(s) for s in said))
