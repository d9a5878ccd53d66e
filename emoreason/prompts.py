"""The words that surround a question: chat markup for models trained here, and evidence written as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emoreason.facs import EMOTIONS

IMAGE = "<image>"
USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
SPECIAL = (PAD, USER, ASSISTANT, END, IMAGE)
DEFAULT_QUESTION = "What does this face show, and why?"

# One user turn, one assistant turn, ...; pictures stand where the message has them.
CHAT_TEMPLATE = (
    "{% for m in messages %}"
    "{{ '" + ASSISTANT + "' if m['role'] == 'assistant' else '" + USER + "' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}" + IMAGE + "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if m['role'] == 'assistant' %}" + END + "{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}" + ASSISTANT + "{% endif %}"
)

# For vision-language models that were not trained here: what to answer, and how.
INSTRUCTION = (
    "You explain facial expressions by FACS action units. Answer in exactly this form:\n"
    "<think>Key observations: one sentence for each visible movement, closed by its mark, e.g. The inner brows are "
    "drawn up (AU1, 2.4). A movement that is missing may be named too: The lip corners are not raised (AU12 absent). "
    "Interpretation: what they add up to, in one to three sentences. Confidence: 0.70. Valence: -0.4. Arousal: -0.2."
    "</think><answer>one of " + ", ".join(EMOTIONS) + ", or none if the face cannot be read</answer>\n"
    "Intensities run from 0 to 5. Say how a face looks, never what a person is or feels inside."
)


def turned(pose: Sequence[float]) -> str:
    """Where the head points, in words, from yaw, pitch, roll in degrees as in records.Face; "" when it faces us."""
    yaw, pitch = pose[0], pose[1]
    parts = []
    if abs(yaw) >= 15:
        parts.append("turned right" if yaw > 0 else "turned left")
    if abs(pitch) >= 12:
        parts.append("tipped up" if pitch > 0 else "tipped down")
    return ", ".join(parts)


def note(limits: Sequence[str]) -> str:
    """What limits the view (Quality.reasons and the like), as the line before a question; "" without limits."""
    return f"Note: {'; '.join(limits)}.\n" if limits else ""


def evidence_text(aus: Mapping[int, float], emotions: Mapping[str, float], valence: float, arousal: float,
                  sides: Mapping[int, str] | None = None, pose: Sequence[float] = (0, 0, 0)) -> str:
    """Evidence in words, for language models without AU tokens: the AUs from 0.5 on in the order of FACS, the three
    likeliest emotions, affect and head."""
    sides = sides or {}
    shown = ((a, v) for a, v in sorted(aus.items()) if v >= 0.5)
    units = ", ".join(f"AU{a} {v:.1f}" + (f" {sides[a]}" if a in sides else "") for a, v in shown)
    ranked = sorted(emotions.items(), key=lambda e: -e[1])[:3]
    looks = ", ".join(f"{name} {p:.2f}" for name, p in ranked)
    head = turned(pose)
    return (f"Evidence: {units or 'no AU'}. Looks: {looks}. Valence {valence:.1f}, arousal {arousal:.1f}."
            + (f" Head {head}." if head else "") + "\n")
