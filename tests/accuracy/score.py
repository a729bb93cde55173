#!/usr/bin/env python3
"""Error rates of the growth verdicts on labelled traces.

  score.py JUDGE CORPUS [--list] [--jobs N]

JUDGE is the judge-csv program. CORPUS is a directory (or a .tar.xz of one) with one CSV per trace
and truth.jsonl. Each line of truth has: id, family, plan, chan (truth per channel), kinds, allow,
primary, b (true growth per second), tstar.

Truth per channel: B bounded and decidable; G growing and decidable; SG growing, can be told from
flat but not from a slow saturation; UB, UG bounded or growing, not decidable here; X not scored.
GROWING on B or UB is a wrong alarm; BOUNDED on G, SG or UG is a miss.

Prints the rates and the goals; the exit status is 0 when every goal is met. With --list every
trace that counts against a rate is named.
"""
import argparse
import collections
import json
import math
import os
import subprocess
import sys
import tarfile
import tempfile

STEADY_LEAKS = {"leak_req", "leak_time", "leak_gc", "leak_warm", "leak_chunk", "leak_slow"}
SLOW_WARM_UPS = {"warm_slow"}
EITHER_LEAK = "per_request|time_driven"
FEW = 60  # of fewer traces, one that is wrong does not count: a rate needs more


def rate_of_few(wrong, total):
    return (wrong if total >= FEW else max(0, wrong - 1)) / total


def load_truth(folder):
    with open(os.path.join(folder, "truth.jsonl"), encoding="utf-8") as lines:
        return {truth["id"]: truth for truth in map(json.loads, lines)}


def judge_all(judge, folder, ids, jobs):
    """One process per slice of the corpus: {id: object}."""
    running = []
    for part in range(jobs):
        paths = [os.path.join(folder, name + ".csv") for name in ids[part::jobs]]
        if paths:
            running.append(subprocess.Popen([judge, *paths], stdout=subprocess.PIPE, text=True))
    verdicts = {}
    for process in running:
        for line in process.communicate()[0].splitlines():
            verdict = json.loads(line)
            verdicts[verdict["id"]] = verdict
    return verdicts


class Score:
    def __init__(self):
        self.codes = collections.Counter()
        self.families = collections.defaultdict(collections.Counter)
        self.kinds = collections.Counter()
        self.covered = []
        self.remarks = []
        self.errors = 0

    def channel(self, truth, name, verdict):
        code = truth["chan"].get(name, "X")
        if code == "X":
            return
        kind = verdict.get("verdict", "INCONCLUSIVE")
        self.codes[code] += 1
        self.codes[code, kind] += 1
        self.codes[code, "suspect"] += bool(verdict.get("suspect")) or kind == "GROWING"
        family = self.families[truth["family"]]
        if code in ("B", "UB"):
            family["not growing"] += 1
            family["wrong"] += kind == "GROWING"
        family[code] += 1
        family[code, kind] += 1
        bad = {"B": kind != "BOUNDED", "UB": kind == "GROWING", "G": kind != "GROWING",
               "SG": kind == "BOUNDED" or not (verdict.get("suspect") or kind == "GROWING"),
               "UG": kind == "BOUNDED"}[code]
        if bad:
            self.remarks.append(f"{code} called {kind}: {truth['id']} {name}: {verdict.get('why')}")
        if (name == "heap" and truth["plan"] == "passive" and code in ("G", "SG") and
                kind == "GROWING" and truth["b"] and truth["family"] in STEADY_LEAKS):
            covered = verdict["lo"] <= truth["b"] <= verdict["hi"]
            self.covered.append(covered)
            if not covered:
                self.remarks.append(f"rate {truth['b']:.4g} outside {verdict['lo']:.4g}.."
                                    f"{verdict['hi']:.4g}: {truth['id']}")

    def causes(self, truth, found):
        found = set(found)
        either = EITHER_LEAK in found
        found.discard(EITHER_LEAK)
        primary = truth["primary"]
        decidable = (primary not in ("heap", "fd") or truth["chan"].get(primary) == "G" or
                     truth["family"] in ("retention", "peak_amp"))
        for kind in truth["kinds"] if decidable else []:
            if kind == "fd_leak" and truth["chan"].get("fd") != "G":
                continue
            half = 1 if truth["plan"] == "passive" else .5
            credit = 1 if kind in found else half if either and kind in EITHER_LEAK else 0
            self.kinds["wanted"] += 1
            self.kinds["found"] += credit
            if credit < 1:
                self.remarks.append(f"cause {kind} missed ({credit}): {truth['id']}")
        for kind in found - set(truth["kinds"]) - set(truth["allow"]):
            if truth["family"] != "heaps_law":
                self.kinds["spurious"] += 1
                self.remarks.append(f"cause {kind} is spurious: {truth['id']}")
        self.kinds["traces"] += 1

    def trace(self, truth, verdict):
        if not verdict:
            self.errors += 1
            self.remarks.append(f"no verdict: {truth['id']}")
            return
        for name in ("heap", "fd", "rss"):
            self.channel(truth, name, verdict.get(name) or {})
        self.causes(truth, verdict.get("kinds") or [])

    def rate(self, codes, kind):
        total = sum(self.codes[code] for code in codes)
        return sum(self.codes[code, kind] for code in codes) / total if total else None

    def worst_family(self, slow):
        """The family with most wrong alarms."""
        worst = (0.0, "-")
        for name, family in self.families.items():
            total = family["not growing"]
            if (name in SLOW_WARM_UPS) != slow or not total:
                continue
            worst = max(worst, (rate_of_few(family["wrong"], total), name))
        return worst

    def goals(self):
        """(name, value, 'most' or 'least', limit)"""
        worst, slow = self.worst_family(False), self.worst_family(True)
        suspect = self.codes["SG", "suspect"] / self.codes["SG"] if self.codes["SG"] else None
        recall = self.kinds["found"] / self.kinds["wanted"] if self.kinds["wanted"] else None
        coverage = None
        if self.covered:
            coverage = 1 - rate_of_few(self.covered.count(False), len(self.covered))
        return [
            ("traces without a verdict", self.errors, "most", 0),
            ("wrong growing, all families", self.rate(("B", "UB"), "GROWING"), "most", .005),
            (f"wrong growing, worst family ({worst[1]})", worst[0], "most", .01),
            ("wrong growing, slow warm-up", slow[0], "most", .03),
            ("growth called bounded", self.rate(("G", "SG", "UG"), "BOUNDED"), "most", .002),
            ("decidable growth found", self.rate("G", "GROWING"), "least", .97),
            ("decidable bounds found", self.rate("B", "BOUNDED"), "least", .97),
            ("suspect where saturation is possible", suspect, "least", .9),
            ("causes found", recall, "least", .97),
            ("spurious causes per trace", self.kinds["spurious"] / max(1, self.kinds["traces"]),
             "most", .02),
            (f"rate within its interval (of {len(self.covered)})", coverage, "least", .97),
        ]

    def print_families(self):
        print("\n%-16s %7s %7s %9s %9s %9s" % ("family", "B", "G", "bounded", "growing", "wrong"))
        for name in sorted(self.families):
            f = self.families[name]
            share = lambda code, kind: "%8.1f%%" % (100 * f[code, kind] / f[code]) if f[code] else "-"
            print("%-16s %7d %7d %9s %9s %9d" % (name, f["B"], f["G"], share("B", "BOUNDED"),
                                               share("G", "GROWING"), f["wrong"]))


def unpacked(corpus):
    if os.path.isdir(corpus):
        return corpus, None
    folder = tempfile.TemporaryDirectory(prefix="spillmark-accuracy-")
    with tarfile.open(corpus) as archive:
        archive.extractall(folder.name, filter="data") if hasattr(tarfile, "data_filter") \
            else archive.extractall(folder.name)
    return folder.name, folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("judge")
    parser.add_argument("corpus")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--families", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    folder, keep = unpacked(options.corpus)
    truths = load_truth(folder)
    verdicts = judge_all(options.judge, folder, sorted(truths), options.jobs)
    score = Score()
    for name in sorted(truths):
        score.trace(truths[name], verdicts.get(name))
    if options.list:
        print("\n".join(sorted(score.remarks)))
    if options.families:
        score.print_families()
    failed = 0
    print("\n%-44s %8s  goal" % ("%d traces" % len(truths), "figure"))
    for name, value, side, limit in score.goals():
        if value is None or math.isnan(value):
            print("%-44s %8s" % (name, "-"))
            continue
        missed = value > limit if side == "most" else value < limit
        failed += missed
        print("%-44s %7.2f%%  at %s %.1f%%%s" % (name, 100 * value, side, 100 * limit,
                                              "   MISSED" if missed else ""))
    if keep:
        keep.cleanup()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
