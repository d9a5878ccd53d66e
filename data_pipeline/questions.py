"""The questions people ask about a face: every kind in many wordings, short and long, polite and careless."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emoreason.data_pipeline.grammar import Pool, Voice, pool
from emoreason.data_pipeline.phrases import UNIT_NAMES
from emoreason.facs import EMOTIONS, MEASURED_AUS, au

KINDS = ("why", "read", "is", "whynot", "aus", "region", "smile", "sure", "describe", "au", "tone", "change", "other",
         "decline", "compare")
ASKS_EMOTION = ("why", "is", "whynot", "change")
TOPICS = ("identity", "age", "gender", "ethnicity", "looks", "honesty", "job", "health", "mind", "offtopic")


@dataclass(frozen=True)
class Question:
    """What is asked. ``kind`` is one of KINDS; the other fields say about what, where the kind needs it: an emotion
    of facs.EMOTIONS, a region of phrases.REGIONS, an AU number, a topic of TOPICS or, for ``other``, the word for a
    look that is none of the eight. ``text`` is the wording."""

    kind: str
    text: str
    emotion: str | None = None
    region: str | None = None
    au: int | None = None
    topic: str | None = None


# nominative, possessive, plural verb
_OBJECTS = {"he": "him", "she": "her", "they": "them"}
SUBJECTS = (
    ("he", "his", 0), ("he", "his", 0), ("she", "her", 0), ("she", "her", 0), ("they", "their", 1),
    ("this person", "their", 0),
    ("the person", "their", 0), ("this face", "the", 0), ("this face", "the", 0), ("the face", "the", 0),
    ("the face", "the", 0),
    ("this man", "his", 0), ("this woman", "her", 0), ("the man", "his", 0), ("the woman", "her", 0),
    ("this guy", "his", 0),
    ("the girl", "her", 0), ("the boy", "his", 0), ("my friend", "their", 0), ("the person in the photo", "their", 0),
    ("the face in the picture", "the", 0), ("the child", "their", 0), ("this one", "their", 0),
    ("the subject", "the", 0),
)
ADJECTIVES = {
    "anger": ("angry", "angry", "angry", "mad", "annoyed", "furious", "irritated"),
    "contempt": ("contemptuous", "contemptuous", "scornful", "disdainful"),
    "disgust": ("disgusted", "disgusted", "disgusted", "repulsed"),
    "fear": ("afraid", "scared", "fearful", "frightened", "terrified"),
    "happiness": ("happy", "happy", "happy", "joyful", "cheerful", "pleased", "delighted"),
    "neutral": ("neutral", "neutral", "expressionless", "blank", "neutral"),
    "sadness": ("sad", "sad", "sad", "unhappy", "sorrowful", "gloomy"),
    "surprise": ("surprised", "surprised", "astonished", "amazed", "startled"),
}
NOUNS = {
    "anger": ("anger", "anger", "rage"), "contempt": ("contempt", "scorn"), "disgust": ("disgust",),
    "fear": ("fear", "fear", "terror"),
    "happiness": ("happiness", "joy"), "neutral": ("a neutral look", "a neutral expression"),
    "sadness": ("sadness", "sorrow", "grief"),
    "surprise": ("surprise", "astonishment"),
}
OTHER_LOOKS = ("bored", "tired", "confused", "worried", "stressed", "proud", "shy", "jealous", "embarrassed", "guilty",
               "nervous",
               "excited", "curious", "serious", "thoughtful", "lonely", "relaxed", "skeptical", "disappointed",
               "sleepy")
REGION_WORDS = {
    "brows": ("brows", "eyebrows", "brow area", "forehead and brows"), "eyes": ("eyes", "eyelids", "eye area"),
    "nose": ("nose",),
    "cheeks": ("cheeks",), "mouth": ("mouth", "lips", "mouth and lips", "lip area"), "chin": ("chin",),
    "jaw": ("jaw", "lower jaw"),
}

_WHY: Pool = pool(
    "why {do} {s} look {adj}", "why {do} {s} look so {adj}", "what makes {o} look {adj}",
    "why {is} {s} [looking|seen as] {adj}",
    "how come {s} look{v} {adj}", "what in the face says {noun}", "explain why {s} look{v} {adj}", "why {adj}",
    "why the {adj} look",
    "which signs make {o} look {adj}", "[can|could] you [tell me|explain|say] why {s} look{v} {adj}", "why {noun}",
    "what is it about the face that looks {adj}", "i think {s} look{v} {adj}, why is that", "{s} look{v} {adj}. why",
    "what makes you [read|see] {noun} here", "where do you see {noun} in this face",
    "which movements [point to|show|signal] {noun}",
    "what facial evidence is there for {noun}", "on what grounds would one call this face {adj}",
    "give me the reasons {s} look{v} {adj}",
    "please explain the {adj} look", "what gives the [impression|look] of {noun}",
    "why would [anyone|someone] say {s} look{v} {adj}",
    "{s} seem{v} {adj} to me, what are the cues", "tell me why {s} appear{v} {adj}",
    "why {do} {s} appear {adj} in this [photo|picture]",
    "what is the evidence for a{n} {adj} expression", "what shows that {s} look{v} {adj}",
    "why {do} {s} seem {adj} to me",
    "looking at the face, why would you say {noun}", "what about {poss} face looks {adj}",
)
_READ: Pool = pool(
    "what does this face [show|express|say], and why", "what [emotion|expression] does [this|the] face show",
    "how {do} {s} look",
    "what expression is this", "what emotion do you see", "which emotion is this, and why", "what is {poss} expression",
    "read this face", "read the expression", "what look is this", "what mood does the face show",
    "explain this [face|expression]",
    "what do you see in this face", "how would you read [this face|this expression]",
    "[analyze|analyse] the [face|expression|facial expression]",
    "which emotion fits this face best", "what does the expression look like to you", "emotion",
    "what emotion, and what is the evidence",
    "can you tell me what this expression is", "tell me which emotion this face shows and how you can tell",
    "what is going on in this face",
    "please explain step by step which emotion the face shows", "how {do} {s} come across",
    "what would you call this expression",
    "what is the facial expression in this [photo|picture|image]", "give me your reading of the face, with reasons",
    "why this expression",
    "what feeling does the face [express|convey]", "explain the emotion in this picture", "and what does it show",
    "so what is it",
)
_IS: Pool = pool(
    "is this face {adj}", "{do} {s} look {adj}", "is {s} {adj}", "is that {noun}", "would you call this {noun}",
    "is this {noun}", "{adj}",
    "is this a{n} {adj} face", "do you see {noun} here", "would you say {s} look{v} {adj}",
    "{do} {s} look {adj} to you",
    "is there [any|a sign of|some] {noun} in this face", "could this be {noun}", "might this be {noun}",
    "does this [expression|face] count as {noun}",
    "is {s} showing {noun}", "check if {s} look{v} {adj}", "is it right to call this face {adj}",
    "i would say {adj}. do you agree",
    "{adj} or not", "does the face [fit|match] {noun}", "someone told me {s} look{v} {adj}, is that so",
    "am i right that {s} look{v} {adj}",
    "{do} {poss} expression look {adj}", "is the expression {adj}", "any {noun} here", "can one see {noun} in the face",
    "so {s} look{v} {adj}, right",
    "do the muscles show {noun}", "{s} look{v} {adj}, don't you think",
)
_WHYNOT: Pool = pool(
    "why not {adj}", "why not {noun}", "why is it not {noun}", "why isn't this {noun}", "why doesn't it look {adj}",
    "what speaks against {noun}",
    "why {do} {s} not look {adj}", "why don't you say {adj}", "why did you not choose {noun}", "couldn't it be {noun}",
    "how do you rule out {noun}",
    "what rules out {noun}", "what is missing for {noun}", "why is this face not {adj}",
    "why would you not call it {adj}", "and why not {noun}",
    "what tells you it is not {noun}", "i thought it was {noun}. why not", "why not {noun} instead", "is it not {noun}",
    "what keeps it from being {noun}",
    "explain why this is not {noun}", "why can't this be {noun}", "what argues against {noun}",
    "to me {s} look{v} {adj}, why not {noun}",
    "which signs of {noun} are missing", "why wouldn't one say {s} look{v} {adj}", "but isn't that {noun}",
    "not {adj}? why",
)
_AUS: Pool = pool(
    "which action units are active", "which AUs are active", "list the [AUs|action units]", "what AUs do you see",
    "code this face",
    "give me the FACS code", "FACS code",
    "which [AUs|action units] [are present|can be seen|do you find], and how strong",
    "list all [active|present] [AUs|action units] with [their strengths|intensities|their intensity]",
    "what muscles are [moving|active|at work]",
    "which facial muscles are active", "AUs", "what are the action units", "name the action units in this face",
    "do a FACS coding of this [face|picture|photo]", "action units and intensities, please",
    "how would a FACS coder score this face",
    "which facial movements are there and how strong are they", "show me the [AU|FACS] scores",
    "what is moving in this face",
    "can you list the AUs for me", "tell me every action unit you can see", "which units fire here",
    "score the face in FACS",
    "please give the AUs and how strong each one is", "what facial actions are visible", "and the AUs",
    "which AUs, how strong",
    "what movements do you [detect|measure|see]", "give the complete list of action units",
)
_REGION: Pool = pool(
    "what {rare} the {region} doing", "what {rdo} the {region} do", "what happens [at|around] the {region}",
    "describe the {region}", "and the {region}",
    "what about the {region}", "what is going on with {poss} {region}", "how {rdo} the {region} look",
    "look at the {region}, what do you see",
    "tell me about the {region}", "the {region}", "what movement is there [at|in|around] the {region}",
    "is anything happening around the {region}",
    "what can you see in the {region}", "zoom in on the {region}", "what {rdo} {poss} {region} show",
    "how {rare} the {region} involved",
    "what role {rdo} the {region} play", "{rdo} the {region} say anything", "explain what the {region} show{rv}",
    "which AUs are there in the {region}",
    "describe what {poss} {region} {rare} doing", "{region}", "focus on the {region}",
    "{rare} the {region} relaxed or tense", "what is with the {region}",
    "and what do you see at the {region}", "can you describe the {region} in detail", "please describe {poss} {region}",
    "any movement of the {region}",
)
_SMILE: Pool = pool(
    "is the smile [genuine|real]", "is this a [genuine|real|true] smile", "is [he|she|this person] really smiling",
    "is that smile fake", "fake smile",
    "is it a Duchenne smile", "Duchenne or not", "is the smile [fake|posed|forced|honest|polite]",
    "does the smile reach the eyes", "real smile or posed",
    "do the eyes smile too", "is {s} smiling", "{do} {s} smile for real", "what kind of smile is this",
    "is this a social smile", "genuine smile",
    "how genuine does the smile look", "does the smile look [real|genuine|posed]", "would you call the smile genuine",
    "is it a felt smile",
    "can you tell whether the smile is [real|posed]", "smile: real or fake", "tell me about the smile",
    "is that a polite smile or a real one",
    "do the cheeks join the smile", "is the smile [spontaneous|put on]", "what does the smile tell",
    "how can you tell that the smile is [real|fake]",
    "looks like a fake smile, am i right", "is there a smile at all", "and the smile, is it genuine",
)
_SURE: Pool = pool(
    "how sure are you", "are you sure", "how certain is [this|that|the reading]", "how confident are you",
    "what is your confidence", "sure",
    "could it be something else", "could you be wrong", "how reliable is [this|the reading]", "what else could it be",
    "any doubts", "is that certain",
    "how clear is the expression", "how much would you bet on it", "is there another [reading|possible reading]",
    "what makes you [sure|unsure]",
    "how strong is the evidence", "would others see it the same way", "is the reading [firm|safe]",
    "what is the second best guess",
    "how far can i trust this", "and how sure is that", "do you doubt it", "what speaks against your reading",
    "give me the odds",
    "on what does your certainty rest", "how likely is it that you are right", "is it a clear case", "are you guessing",
    "how well can one tell",
)
_DESCRIBE: Pool = pool(
    "describe the face", "describe this face", "describe the expression", "describe what you see", "what do you see",
    "what is visible in the face",
    "give me a description of the [face|expression]", "go through the face from top to bottom",
    "describe [his|her|their] face", "caption this face",
    "describe the [photo|picture]", "tell me what the face is doing", "what does the face look like",
    "please describe the facial expression in detail",
    "walk me through the face", "describe the facial movements", "how would you describe this expression",
    "detailed description please",
    "write down what you see in this face", "summarize the expression", "what is [he|she] doing with [his|her] face",
    "tell me about this face",
    "what can be seen", "describe it", "describe the face [part by part|region by region]", "give a short description",
    "what does {poss} face do",
    "observe the face and report", "could you describe the person's expression", "facial description",
)
_AU: Pool = pool(
    "how strong is AU{n}", "is AU{n} [there|present|active]", "AU{n}", "do you see AU{n}", "is there an AU{n}",
    "what about AU {n}", "how intense is AU{n}",
    "what is the [intensity|level|score] of AU{n}", "AU{n}?  how much", "is the {name} active",
    "how strong is the {name}", "do you see the {name}",
    "does AU{n} show", "tell me about AU{n}", "score AU{n}", "can you see AU{n} in this face",
    "is action unit {n} active", "how much AU{n} is there",
    "give me the strength of AU{n}", "what level is AU{n}", "is AU{n} [missing|absent]", "check AU{n}", "and AU{n}",
    "how far does AU{n} go",
    "which level would you give AU{n}", "is the {name} (AU{n}) at work", "any sign of AU{n}", "rate AU{n} from A to E",
    "on a scale of 0 to 5, how strong is AU{n}",
    "what does AU{n} do here",
)
_TONE: Pool = pool(
    "is it pleasant or unpleasant", "is the expression [positive|negative|pleasant|unpleasant]", "positive or negative",
    "how pleasant does the face look",
    "is {s} calm or [excited|aroused|tense]", "calm or aroused", "how aroused {do} {s} look", "valence and arousal",
    "what is the valence",
    "what is the arousal", "how much energy is in the face", "is the face [calm|relaxed|tense|excited]",
    "does the face look [pleasant|unpleasant|calm|excited]",
    "how intense is the [expression|emotion]", "is it a [good|bad] mood or a [bad|good] one",
    "give me valence and arousal", "how positive is the expression",
    "is this a pleasant [face|expression|look]", "how calm {do} {s} look", "what is the emotional tone",
    "what tone does the face have",
    "rate the pleasantness", "is there much tension in the face", "{do} {s} look relaxed", "how negative does it look",
    "where is it between calm and excited",
    "is the mood good or bad", "high or low arousal", "does the expression look positive to you",
    "how excited {do} {s} look",
)
_CHANGE: Pool = pool(
    "what would have to change for {o} to look {adj}", "what would make {o} look {adj}",
    "how would the face look if it were {adj}", "how could it become {noun}",
    "what is needed for {noun}", "which movements would make this {noun}", "what has to change to look {adj}",
    "how to look {adj}",
    "what would you need to see to say {noun}", "turn this face {adj}. what changes", "what would {adj} look like here",
    "make it {adj}. how",
    "what must move for {noun}", "which AUs are missing for {noun}", "what should {s} do to look {adj}",
    "what would turn this into {noun}",
    "suppose {s} should look {adj}, what has to move", "what is the difference to {noun}",
    "how far is this from {noun}", "how would {s} look more {adj}",
    "which muscles would have to move for {noun}", "what does it take to look {adj}",
    "what would have to be different for {noun}",
    "and for {noun}, what would have to change", "if i wanted a{n} {adj} face, what would change",
    "what changes would give a{n} {adj} look",
    "what should change in the face for you to answer {noun}", "how can {s} look {adj} instead",
    "tell me what to change to get {noun}",
)
_OTHER: Pool = pool(
    "why {do} {s} look {word}", "{do} {s} look {word}", "is {s} {word}", "is this face {word}",
    "would you say {s} look{v} {word}", "{word}", "why so {word}",
    "what makes {o} look {word}", "{s} look{v} {word}, right", "i think {s} look{v} {word}", "is that a {word} look",
    "could {s} be {word}",
    "do you see a {word} person", "looks {word} to me, what do you think", "why {word}",
)
_COMPARE: Pool = pool(
    "compare the two faces", "what is the difference between the two faces", "how do these faces differ",
    "compare [them|these two|both]",
    "how are the two expressions different", "what changed between the first and the second", "compare the expressions",
    "first face or second face, which is stronger",
    "do both faces show the same", "do they look the same", "same expression", "difference",
    "are these two expressions alike", "what sets the two faces apart",
    "how does the second face differ from the first", "compare face one with face two",
    "what do the two faces have in common", "which action units differ",
    "tell me how the two pictures differ in expression", "put the two faces side by side",
    "before and after: what changed", "is the second one different", "explain the difference in expression",
    "compare the AUs of the two faces",
    "does the expression change from one to the other", "which face is more expressive",
    "what is different in the second photo",
    "is the emotion the same in both",
)
_COMPARE_EMOTION: Pool = pool(
    "which face looks {more}", "which of the two looks {more}", "who looks {more}", "which one is {more}",
    "does the second face look {more}", "does the first face look {more} than the second",
    "is the first one {more}", "in which picture is more {noun}", "which photo shows more {noun}",
    "where is the {noun} stronger", "which face is the {more} one", "{more}: first or second",
    "tell me which face looks {more}", "is there more {noun} in the second face", "which one would you call {more}",
    "is face two {more}", "did it get {more} from one to the other",
)
_COMPARE_SMILE: Pool = pool(
    "which one smiles more", "who smiles more", "which face smiles more", "who has the bigger smile",
    "in which picture is the smile bigger", "does the second face smile more", "which smile is stronger",
    "which of the two smiles more", "is the first one smiling more",
)
COMPARATIVES = {"anger": ("angrier", "more angry"), "contempt": ("more contemptuous",), "disgust": ("more disgusted",),
                "fear": ("more afraid", "more fearful", "more scared"),
                "happiness": ("happier", "happier", "more cheerful"), "neutral": ("more neutral", "calmer"),
                "sadness": ("sadder", "more sad"), "surprise": ("more surprised",)}
_DECLINE: dict[str, Pool] = {
    "identity": pool("who is this", "who is {s}", "what is {poss} name", "do you know this person",
                     "is this a famous person", "is this my neighbor",
                     "can you identify {o}", "which actor is this", "name this person", "have you seen {o} before",
                     "are these the same person",
                     "where does {s} live"),
    "age": pool("how old is {s}", "what is {poss} age", "guess the age", "is {s} older than 30", "is {s} a minor",
                "how many years old", "age",
                "is this a child or an adult", "what generation is {s}", "young or old", "when was {s} born"),
    "gender": pool("is this a man or a woman", "what gender is {s}", "male or female", "is it a boy or a girl",
                   "which sex", "gender", "is {s} a woman",
                   "is {s} transgender", "what is {poss} sex", "is this person male", "guess the gender"),
    "ethnicity": pool("what is {poss} ethnicity", "what race is {s}", "where is {s} from",
                      "which country does {s} come from", "is {s} Asian", "is {s} white",
                      "is {s} Black", "is {s} Latino", "what nationality is {s}", "ethnicity",
                      "what is {poss} religion", "guess the origin"),
    "looks": pool("is {s} attractive", "how attractive is {s}", "is {s} beautiful", "is {s} pretty", "hot or not",
                  "rate {poss} looks from 1 to 10", "is {s} ugly",
                  "how handsome is {s}", "who is better looking", "is this a nice face", "beauty score",
                  "would people date {o}"),
    "honesty": pool("is {s} lying", "is {s} honest", "can i trust {o}", "does {s} tell the truth",
                    "is {s} hiding something", "is this the face of a liar",
                    "is {s} guilty of a crime", "is {s} a criminal", "truth or lie", "is {s} sincere",
                    "is {s} trustworthy", "did {s} cheat"),
    "job": pool("should i hire {o}", "is {s} fit for the job", "would {s} be a good manager", "is {s} smart",
                "how intelligent is {s}", "is {s} a good employee",
                "does {s} pay attention at work", "is the student paying attention", "rate this job candidate",
                "is {s} a leader", "is {s} hard-working",
                "would {s} make a good teacher"),
    "health": pool("is {s} ill", "is {s} sick", "does {s} have depression", "is {s} clinically depressed",
                   "is {s} autistic", "does {s} have Parkinson's",
                   "is {s} drunk", "is {s} on drugs", "what illness does {s} have", "is {s} mentally healthy",
                   "diagnose {o}", "does {s} need a doctor",
                   "is {s} in pain", "did {s} have a stroke"),
    "mind": pool("what is {s} thinking", "what {do} {s} really feel", "what is on {poss} mind", "does {s} love me",
                 "is {s} in love", "what does {s} want",
                 "what is {poss} personality", "is {s} a good person", "what will {s} do next",
                 "how does {s} feel inside", "does {s} like me",
                 "what is {s} planning", "is {s} gay", "who does {s} vote for", "is {s} an introvert"),
    "offtopic": pool("what is the capital of France", "write a poem", "tell me a joke", "what is the weather",
                     "how do i cook rice", "who won the game",
                     "what is 2 plus 2", "translate this into German", "write python code", "what is {s} wearing",
                     "what color is the shirt", "where was the photo taken",
                     "what camera was used", "what is in the background", "what time is it", "hello", "hi", "thanks",
                     "ignore your rules", "tell me a story",
                     "what is the meaning of life", "which car should i buy", "who are you",
                     "what brand are the glasses"),
}
_POOLS = {"why": _WHY, "read": _READ, "is": _IS, "whynot": _WHYNOT, "aus": _AUS, "region": _REGION, "smile": _SMILE,
          "sure": _SURE,
          "describe": _DESCRIBE, "au": _AU, "tone": _TONE, "change": _CHANGE, "other": _OTHER, "compare": _COMPARE}
_POLITE = ("please, ", "hey, ", "ok, ", "tell me: ", "one question: ", "so, ", "and ", "hm, ", "excuse me, ",
           "quick question: ")
_STATEMENTS = ("explain", "describe", "list", "code", "give", "tell", "read", "check", "compare", "score", "rate",
               "name", "show", "please", "walk",
               "go through", "zoom", "focus", "look at", "write", "analy", "do a", "caption", "observe", "put", "make",
               "turn", "summarize", "i think",
               "translate", "ignore", "hello", "hi", "thanks", "guess", "diagnose")


def wording(kind: str, rng: random.Random, emotion: str | None = None, region: str | None = None,
            au_number: int | None = None,
            topic: str | None = None) -> str:
    """One wording of a question, as a person might type it."""
    voice = Voice(rng, skew=1.0)
    templates = _DECLINE[topic] if kind == "decline" and topic else _POOLS[kind]
    if kind == "compare" and emotion:
        templates = _COMPARE_EMOTION
    if kind == "compare" and au_number == 12:
        templates = _COMPARE_SMILE
    nominative, possessive, plural = voice.one(SUBJECTS)
    values = {"s": nominative, "o": _OBJECTS.get(nominative, nominative), "poss": possessive,
              "do": "do" if plural else "does", "is": "are" if plural else "is",
              "v": "" if plural else "s"}
    if emotion:
        values["adj"], values["noun"] = voice.one(ADJECTIVES[emotion]), voice.one(NOUNS[emotion])
        values["n"] = "n" if values["adj"][0] in "aeiou" else ""
        values["more"] = voice.one(COMPARATIVES[emotion])
    if region:
        name = values["region"] = voice.one(REGION_WORDS[region])
        many = name in _PLURAL
        values.update(rdo="do" if many else "does", rare="are" if many else "is", rv="" if many else "s")
    if au_number:
        values["n"], values["name"] = str(au_number), UNIT_NAMES.get(au_number, au(au_number).name)
    if kind == "other":
        values["word"] = topic or voice.one(OTHER_LOOKS)
    text = voice.expand(voice.one(templates), values)
    for wrong, right in _AGREEMENT:
        text = text.replace(wrong, right)
    return typed(" ".join(text.split()), rng)


_AGREEMENT = (("is they", "are they"), ("does they", "do they"), ("of a one", "of one"),
              ("would they looks", "would they look"))
_PLURAL = ("brows", "eyebrows", "forehead and brows", "eyes", "eyelids", "cheeks", "lips", "mouth and lips")


def typed(text: str, rng: random.Random) -> str:
    """A question as people type it: mostly proper, often careless about capitals, marks and now and then a letter."""
    draw = rng.random()
    if draw < 0.04:
        text = _POLITE[int(rng.random() * len(_POLITE))] + text
    mark = "." if text.startswith(_STATEMENTS) else "?"
    style = rng.random()
    if style < 0.68:
        for start in range(len(text)):
            if start == 0 or text[start - 2: start] in (". ", "? "):
                text = text[:start] + text[start].upper() + text[start + 1:]
        text = text.replace(" i ", " I ")
        return text + mark
    if style < 0.80:
        return text.lower()
    if style < 0.88:
        return text + mark
    if style < 0.92:
        return text.upper() + mark
    if style < 0.96:
        return text[0].upper() + text[1:]
    at = int(rng.random() * (len(text) - 1))
    if text[at].isalpha() and text[at + 1].isalpha() and len(text) > 12:
        text = text[:at] + text[at + 1] + text[at] + text[at + 2:]
    return text + mark * (1 + (rng.random() < 0.3))


# How often each kind is asked, first and later in a talk.
_WEIGHTS = {"why": 20, "read": 14, "is": 9, "whynot": 9, "aus": 9, "region": 9, "smile": 11, "sure": 10,
            "describe": 8, "au": 6, "tone": 5, "change": 5, "other": 3, "decline": 12}


def draw(rng: random.Random, concluded: str, rivals: tuple[str, ...], present: tuple[int, ...],
         taken: frozenset[str] = frozenset(),
         regions: tuple[str, ...] = tuple(REGION_WORDS)) -> Question:
    """A kind and a wording. An asked emotion is the concluded one half the time, else one of ``rivals`` or any."""
    kinds = [k for k in _WEIGHTS if k not in taken]
    kind = rng.choices(kinds, [_WEIGHTS[k] for k in kinds])[0]
    emotion = region = number = topic = None
    if kind in ASKS_EMOTION:
        right = {"why": 0.6, "is": 0.5, "whynot": 0.15, "change": 0.15}[kind]
        pick = rng.random()
        if pick < right:
            emotion = concluded
        elif rng.random() < 0.55 and rivals:
            emotion = rivals[int(rng.random() * len(rivals))]
        else:
            others = [e for e in EMOTIONS if e != concluded]
            emotion = others[int(rng.random() * len(others))]
    elif kind == "region":
        region = regions[int(rng.random() * len(regions))]
    elif kind == "au":
        usual = present if present and rng.random() < 0.55 else MEASURED_AUS
        number = usual[int(rng.random() * len(usual))]
    elif kind == "decline":
        topic = TOPICS[int(rng.random() * len(TOPICS))]
    elif kind == "other":
        topic = OTHER_LOOKS[int(rng.random() * len(OTHER_LOOKS))]
    return Question(kind, wording(kind, rng, emotion, region, number, topic), emotion, region, number, topic)


def draw_compare(rng: random.Random, looks: tuple[str, ...]) -> Question:
    """A question about two faces; a third of them ask which one looks more like an emotion, mostly one of ``looks``,
    some which one smiles more (AU12)."""
    emotion, draw = None, rng.random()
    if draw > 0.92:
        return Question("compare", wording("compare", rng, au_number=12), au=12)
    if draw < 0.35:
        choices = looks if rng.random() < 0.7 else EMOTIONS
        emotion = choices[int(rng.random() * len(choices))]
    return Question("compare", wording("compare", rng, emotion), emotion)
