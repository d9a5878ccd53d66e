import numpy as np
import pytest

from emoreason.courses import BLINK, Event, events, smooth, speaking
from emoreason.facs import MEASURED_AUS

K = len(MEASURED_AUS)


def column(au):
    return MEASURED_AUS.index(au)


def bump(t, onset, apex, offset, peak, hold=0.0):
    """Rises from 0 at onset to peak at apex, stays for ``hold`` seconds around it, falls to 0 at offset; cosine edges."""
    up = np.clip((t - onset) / max(apex - hold / 2 - onset, 1e-9), 0, 1)
    down = np.clip((offset - t) / max(offset - apex - hold / 2, 1e-9), 0, 1)
    return peak * (1 - np.cos(np.pi * np.minimum(up, down))) / 2


def course(t, **aus):
    x = np.zeros((len(t), K))
    for name, y in aus.items():
        x[:, column(int(name[2:]))] += y
    return x


def clock(seconds=6.0, fps=25.0):
    return np.arange(int(seconds * fps)) / fps


def only(found, au):
    (event,) = [e for e in found if e.au == au]
    return event


def overlap(a, b):
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return max(shared, 0) / (max(a[1], b[1]) - min(a[0], b[0]))


def test_one_event_has_its_times_and_peak():
    t = clock()
    e = only(events(t, course(t, au12=bump(t, 1.0, 2.0, 4.0, 3.2))), 12)
    assert e.apex == pytest.approx(2.0, abs=0.05) and e.peak == pytest.approx(3.2, abs=0.05)
    assert 1.0 < e.onset < 1.35 and 3.4 < e.offset < 4.0
    assert (e.side, e.short, e.speech, e.cut, e.uncertain) == ("both", False, False, "", None)
    assert e.to_dict()["uncertain"] is None and e.to_dict()["peak"] == 3.2


@pytest.mark.parametrize("fps, noise, least_f1, timing", [(25, 0.0, 1.0, 0.05), (25, 0.15, 0.97, 0.08), (30, 0.25, 0.93, 0.1),
                                                          (60, 0.25, 0.95, 0.1), (10, 0.1, 0.95, 0.1)])
def test_random_courses_event_f1_and_timing(fps, noise, least_f1, timing):
    """60 courses of 12 s with 2-3 events each, 0.6-3 s long, peaks 1.5-5, and a resting level of 0-0.2."""
    rng = np.random.default_rng(5)
    hits = made = got = 0
    error = {"onset": [], "apex": [], "offset": [], "peak": []}
    t = clock(12, fps)
    for _ in range(60):
        au = int(rng.choice([1, 4, 6, 9, 12, 15]))
        truth, y, at = [], np.full(len(t), rng.uniform(0, 0.2)), rng.uniform(0.3, 1.0)
        while at < 9:
            length, peak = rng.uniform(0.6, 3), rng.uniform(1.5, 5)
            apex = at + length * rng.uniform(0.3, 0.7)
            one = bump(t, at, apex, at + length, peak)
            y = np.maximum(y, one)
            fine = np.linspace(at, at + length, 2000)
            over = fine[bump(fine, at, apex, at + length, peak) >= 0.5]
            truth.append((over[0], over[-1], apex, peak))
            at += length + rng.uniform(0.4, 1.5)
        x = course(t, **{f"au{au}": y})
        x[:, column(au)] += rng.normal(0, noise, len(t))
        found = [e for e in events(t, np.clip(x, 0, 5)) if e.au == au]
        made, got = made + len(truth), got + len(found)
        for on, off, apex, peak in truth:
            best = max(found, key=lambda e: overlap((on, off), (e.onset, e.offset)), default=None)
            if best and overlap((on, off), (best.onset, best.offset)) >= 0.5:
                hits += 1
                for name, value in (("onset", on), ("offset", off), ("apex", apex), ("peak", peak)):
                    error[name].append(abs(getattr(best, name) - value))
    f1 = 2 * hits / (made + got)
    assert f1 >= least_f1
    assert np.mean(error["onset"]) < timing and np.mean(error["offset"]) < timing
    assert np.mean(error["apex"]) < 0.15 and np.mean(error["peak"]) < 0.3


def test_smoothing_keeps_peaks_and_takes_out_noise():
    t = clock(4, 30)
    clean = course(t, au4=bump(t, 1, 1.2, 1.4, 3.0), au12=bump(t, 1, 2, 3, 4.0))
    assert np.abs(smooth(t, clean).max(axis=0) - clean.max(axis=0)).max() < 0.2
    clean = 0.5 + 0.8 * clean
    noisy = clean + np.random.default_rng(0).normal(0, 0.15, clean.shape)
    assert np.abs(smooth(t, noisy) - clean).mean() < 0.75 * np.abs(noisy - clean).mean()
    straight = np.repeat(np.linspace(0.5, 4.5, len(t))[:, None], K, axis=1)
    np.testing.assert_allclose(smooth(t, straight), straight, atol=1e-4)


def test_a_single_wrong_frame_is_no_event_and_breaks_none():
    t = clock()
    y = bump(t, 1, 2, 3, 3.0)
    y[100] = 4.0
    y[50] = 0.0
    e = only(events(t, course(t, au12=y)), 12)
    assert e.apex == pytest.approx(2, abs=0.06)


def test_noise_around_the_threshold_does_not_break_an_event():
    t = clock()
    y = bump(t, 0.5, 3, 5.5, 1.3, hold=3.0) + np.random.default_rng(2).normal(0, 0.15, len(t))
    only(events(t, course(t, au4=np.clip(y, 0, 5))), 4)


def test_too_weak_is_no_event_and_a_deep_valley_makes_two():
    t = clock()
    assert events(t, course(t, au4=bump(t, 1, 2, 3, 0.9))) == []
    double = np.maximum.reduce([bump(t, 1, 1.7, 2.6, 3.5), bump(t, 2.2, 3.1, 4, 3.0), np.where((t > 1.5) & (t < 3.2), 0.7, 0)])
    assert len(events(t, course(t, au12=double))) == 2
    shallow = np.maximum.reduce([bump(t, 1, 1.7, 3.0, 3.5), bump(t, 1.6, 3.1, 4, 3.0)])
    assert len(events(t, course(t, au12=shallow))) == 1


def test_short_movements_are_kept_and_marked():
    t = clock(3, 30)
    e = only(events(t, course(t, au4=bump(t, 1.0, 1.12, 1.25, 2.5))), 4)
    assert e.short and e.uncertain == "shorter than half a second"
    assert e.apex == pytest.approx(1.12, abs=0.04) and e.offset - e.onset < 0.3


def test_a_blink_is_a_blink():
    t = clock(4, 30)
    found = events(t, course(t, au43=np.maximum(bump(t, 1, 1.1, 1.25, 5), bump(t, 2, 2.3, 3.5, 5, hold=0.3))))
    assert [(e.au, e.uncertain) for e in found] == [(BLINK, None), (43, None)]


def test_events_at_the_ends_say_so():
    t = clock(3)
    found = events(t, course(t, au4=bump(t, -2, -0.5, 1, 4), au12=bump(t, 2, 4, 6, 4), au1=np.full(len(t), 2.0)))
    assert {e.au: e.cut for e in found} == {4: "start", 12: "end", 1: "both"}
    assert not any(e.short for e in found)


def test_one_side():
    t = clock()
    x = course(t, au12=bump(t, 1, 2, 3, 3.0), au4=bump(t, 1, 2, 3, 3.0))
    sides = np.zeros_like(x)
    sides[:, column(12)] = -x[:, column(12)]
    found = events(t, x, sides=sides)
    assert only(found, 12).side == "left" and only(found, 4).side == "both"


def test_frames_without_a_face():
    t = clock()
    x = course(t, au12=bump(t, 0.5, 3, 5.5, 3.0))
    little, much = np.ones(len(t), bool), np.ones(len(t), bool)
    little[70:74], much[60:90] = False, False
    x[~little] = np.nan
    assert len(events(t, np.nan_to_num(x), valid=little)) == len(events(t, x)) == 1
    before, after = events(t, np.nan_to_num(x), valid=much)
    assert (before.cut, after.cut) == ("end", "start") and before.offset < 2.5 < 3.5 < after.onset
    assert events(t, x, valid=np.zeros(len(t), bool)) == []


def test_variable_frame_rate():
    rng = np.random.default_rng(3)
    t = np.cumsum(rng.uniform(0.015, 0.09, 150))
    e = only(events(t, course(t, au12=bump(t, 1, 2, 4, 3.0))), 12)
    assert e.apex == pytest.approx(2, abs=0.1) and e.peak == pytest.approx(3, abs=0.1)


def talk(t, start, end, rate=4.5, depth=2.0, seed=0):
    """Lips and jaw as in speech: syllables at about ``rate`` a second, of uneven depth."""
    rng = np.random.default_rng(seed)
    y = np.zeros(len(t))
    at = start
    while at < end:
        length = rng.uniform(0.7, 1.3) / rate
        y = np.maximum(y, bump(t, at, at + length / 2, at + length, depth * rng.uniform(0.6, 1.2)))
        at += length
    return y


def test_speech_is_seen_and_marks_the_mouth_only():
    t = clock(8)
    speech = talk(t, 2, 6)
    x = course(t, au25=speech + 0.3, au26=0.6 * speech, au4=bump(t, 1, 3, 6, 3.0), au12=bump(t, 3, 4, 5, 2.0))
    flags = speaking(t, x)
    assert flags[(t > 2.6) & (t < 5.4)].mean() > 0.9 and flags[(t < 1.5) | (t > 6.6)].mean() == 0
    found = events(t, x)
    mouth = only(found, 25)
    assert mouth.speech and mouth.uncertain == "while speaking" and mouth.onset < 2.6 and mouth.offset > 5.4
    assert not only(found, 4).speech and not only(found, 12).speech


def test_laughing_opening_once_and_slow_video_are_no_speech():
    t = clock(6)
    shake = talk(t, 1, 5)
    assert not speaking(t, course(t, au25=shake, au12=2 + shake * 0.8, au6=shake * 0.7)).any()
    assert not speaking(t, course(t, au25=bump(t, 1, 2, 4, 4), au26=bump(t, 1, 2, 4, 3))).any()
    noise = np.random.default_rng(0).normal(0, 0.15, len(t))
    assert not speaking(t, course(t, au25=np.clip(1.5 + noise, 0, 5))).any()
    slow = clock(6, 5)
    assert not speaking(slow, course(slow, au25=talk(slow, 1, 5))).any()


def test_few_frames_and_bad_input():
    one = events(np.array([0.0]), course(np.zeros(1), au12=np.array([3.0])))
    assert [(e.au, e.cut) for e in one] == [(12, "both")]
    assert events(np.zeros(0), np.zeros((0, K))) == []
    with pytest.raises(ValueError, match="shape"):
        events(np.zeros(2), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="increase"):
        events(np.zeros(2), np.zeros((2, K)))
    assert Event(4, 0, 1, 2, 3.0).to_dict()["au"] == 4
