#!/usr/bin/env python3
"""How soon the growth verdicts come, on a corpus of labelled traces.

  growth.py JUDGE CORPUS

JUDGE and CORPUS are as for tests/accuracy/score.py. Every trace is judged again and again, as a
live run would, after 5 s and then every second. Printed are:

suspect delay    seconds from the start of a leak until it is suspected, over T*: no sequential
                 test of size 0.01 suspects it sooner on average (T* is part of the truth). Beside
                 it the same over the least that a test can take which suspects no tooth of 9 s: a
                 collector's or a buffer's first rise is a rise like any other until it falls
growing delay    seconds until it is called growing, over 3.8 T*, the same bound once saturation
                 has to be excluded as well
suspected ever   traces of each kind that never leaked, or not yet, and were suspected at any time;
                 those that did rise (warm-ups, steps) say so: of them it is no mistake
called growing   bounded traces called growing at any time: why watching never ends a run early
early stops      verdicts after which a run of cycles would have been ended, and how many of them
                 the truth contradicts
"""
import argparse
import os
import subprocess
import sys
import json
import math

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "accuracy"))
from score import load_truth, unpacked  # noqa: E402

# Kinds of traces that never rise for good, and kinds that do and then stop.
STEADY = {"flat_white", "flat_ar", "peak_amp", "gc_saw", "flush", "bursts"}
RISING = {"warm_exp", "warm_log", "warm_lin_cap", "step_bounded"}
LEAKS = {"leak_req", "leak_time", "leak_gc", "leak_slow", "leak_chunk", "leak_trigger"}
SATURATION_COST = 3.8
FIRST_S = 5.0
LOAD_STARTS_S = 2.0
TOOTH_S = 9.0


def judge_every_second(judge, folder, names):
    """(name, seconds, verdict on the heap) of every look, in order."""
    for first in range(0, len(names), 64):
        paths = [os.path.join(folder, name + ".csv") for name in names[first:first + 64]]
        out = subprocess.run([judge, "--every", "1", *paths], stdout=subprocess.PIPE, text=True,
                             check=False).stdout
        looks = {}
        for verdict in map(json.loads, out.splitlines()):
            look = looks[verdict["id"]] = looks.get(verdict["id"], -1) + 1
            yield verdict["id"], FIRST_S + look, verdict["heap"]


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else float("nan")


class Watch:
    """The first times at which something was said of a trace's heap."""

    def __init__(self):
        self.suspect = self.growing = self.stopped_on = None

    def see(self, at, heap):
        if (heap["suspect"] or heap["verdict"] == "GROWING") and self.suspect is None:
            self.suspect = at
        if heap["verdict"] == "GROWING" and self.growing is None:
            self.growing = at
        if heap["may_stop"] and self.stopped_on is None:
            self.stopped_on = heap["verdict"]


def delays(truths, watches, attribute, codes, least):
    """Delays from the start of each leak over what least(truth) says."""
    for key, truth in truths.items():
        if (truth["family"] not in LEAKS or truth["plan"] != "passive" or not truth["tstar"] or
                truth["chan"].get("heap") not in codes):
            continue
        at = getattr(watches[key], attribute)
        start = max(truth["t0"], LOAD_STARTS_S)
        yield (float("inf") if at is None else
               max(at - start, FIRST_S - LOAD_STARTS_S) / least(truth))


def print_delays(truths, watches):
    for name, attribute, codes, least in (
            ("suspect delay / T*", "suspect", ("G", "SG"), lambda truth: truth["tstar"]),
            ("suspect delay / max(T*, a tooth)", "suspect", ("G", "SG"),
             lambda truth: max(TOOTH_S, truth["tstar"])),
            ("growing delay / 3.8 T*", "growing", ("G",),
             lambda truth: SATURATION_COST * truth["tstar"])):
        ratios = list(delays(truths, watches, attribute, codes, least))
        print("%-34s %5d leaks: %6.2f  %6.2f  %6.2f  (quartile, median, quartile)" %
              (name, len(ratios), quantile(ratios, .25), quantile(ratios, .5),
               quantile(ratios, .75)))


def share(name, wrong, total):
    print("%-34s %5d of %5d  %6.2f%%" % (name, wrong, total, 100 * wrong / total if total else 0))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("judge")
    parser.add_argument("corpus")
    options = parser.parse_args()
    folder, keep = unpacked(options.corpus)
    truths = load_truth(folder)
    watches = {name: Watch() for name in truths}
    for name, at, heap in judge_every_second(options.judge, folder, sorted(truths)):
        watches[name].see(at, heap)
    print_delays(truths, watches)
    heap = {name: truth["chan"].get("heap") for name, truth in truths.items()}
    watched = [name for name, truth in truths.items() if truth["plan"] == "passive"]
    bounded = [name for name in watched if heap[name] in ("B", "UB")]
    for family in sorted(STEADY | RISING):
        traces = [name for name in watched if truths[name]["family"] == family]
        share(family + (", did rise" if family in RISING else "") + ": suspected ever",
              sum(watches[n].suspect is not None for n in traces), len(traces))
    late = [name for name in watched if truths[name]["family"] == "leak_trigger"]
    share("leak_trigger: before it leaked", sum((watches[n].suspect or math.inf) < truths[n]["t0"]
                                                for n in late), len(late))
    share("bounded, called growing ever", sum(watches[n].growing is not None for n in bounded),
          len(bounded))
    contradicted = {"GROWING": ("B", "UB"), "BOUNDED": ("G", "SG", "UG")}
    stops = wrong = 0
    for name, truth in truths.items():
        verdict = watches[name].stopped_on
        if truth["plan"] == "cycles" and heap[name] != "X" and verdict:
            stops += 1
            wrong += heap[name] in contradicted[verdict]
    share("cycles, early stops that are wrong", wrong, stops)
    if keep:
        keep.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main())
