#!/usr/bin/env python3
"""How soon the growth verdicts come, on a corpus of labelled traces.

  growth.py JUDGE CORPUS

JUDGE and CORPUS are as for tests/accuracy/score.py. Every trace is judged again and again, as a
live run would, after 5 s and then each time the time grew by a quarter. Printed are:

suspect delay    seconds from the start of a leak until it is suspected, over T*: no sequential
                 test of size 0.01 suspects it sooner on average (T* is part of the truth)
growing delay    seconds until it is called growing, over 3.8 T*, the same bound once saturation
                 has to be excluded as well
false suspects   traces of noise alone, and of teeth and bursts, that were suspected at any time; a
                 single tooth longer than the first look is a rise for all that is known then
called growing   bounded traces called growing at any time: why watching never ends a run early
early stops      verdicts after which a run of cycles would have been ended, and how many of them
                 the truth contradicts
"""
import argparse
import os
import subprocess
import sys
import json

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "accuracy"))
from score import load_truth, unpacked  # noqa: E402

NOISE = {"flat_white", "flat_ar", "peak_amp"}
TEETH = {"gc_saw", "flush", "bursts"}
LEAKS = {"leak_req", "leak_time", "leak_gc", "leak_slow", "leak_chunk", "leak_trigger"}
SATURATION_COST = 3.8
FIRST_S, STEP = 5.0, 1.25
LOAD_STARTS_S = 2.0


def looks(last_s):
    at = FIRST_S
    while at < last_s:
        yield at
        at *= STEP
    yield last_s


def judge_prefix(judge, folder, ids, upto_s):
    paths = [os.path.join(folder, name + ".csv") for name in ids]
    out = subprocess.run([judge, "--upto", "%.3f" % upto_s, *paths], stdout=subprocess.PIPE,
                         text=True, check=False).stdout
    return {verdict["id"]: verdict for verdict in map(json.loads, out.splitlines())}


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


def print_delays(truths, watches):
    for name, attribute, bound in (("suspect", "suspect", 1), ("growing", "growing", SATURATION_COST)):
        ratios = []
        for key, truth in truths.items():
            start = max(truth["t0"], LOAD_STARTS_S)
            codes = ("G", "SG") if attribute == "suspect" else ("G",)
            if (truth["family"] not in LEAKS or truth["plan"] != "passive" or not truth["tstar"] or
                    truth["chan"].get("heap") not in codes):
                continue
            at = getattr(watches[key], attribute)
            ratios.append(float("inf") if at is None else
                          max(at - start, FIRST_S - LOAD_STARTS_S) / (bound * truth["tstar"]))
        print("%-8s delay / bound (of %4d): %8.2f  %8.2f  %8.2f   (quartile, median, quartile)" %
              (name, len(ratios), quantile(ratios, .25), quantile(ratios, .5), quantile(ratios, .75)))


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
    for at in looks(100.0):
        for name, verdict in judge_prefix(options.judge, folder, sorted(truths), at).items():
            watches[name].see(at, verdict["heap"])
    print_delays(truths, watches)
    heap = {name: truth["chan"].get("heap") for name, truth in truths.items()}
    watched = [name for name, truth in truths.items() if truth["plan"] == "passive"]
    bounded = [name for name in watched if heap[name] in ("B", "UB")]
    for title, families in (("noise", NOISE), ("teeth and bursts", TEETH)):
        steady = [name for name in watched if truths[name]["family"] in families]
        share(title + ", suspected at any time",
              sum(watches[n].suspect is not None for n in steady), len(steady))
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
