#!/usr/bin/env python3
"""What the probe costs, beside its peers: a table of processor time.

    probe.py BUILD-DIRECTORY [--repeat PAIRS] [--only WORKLOAD,...] [--tools TOOL,...]
             [--peers all|fast|none] [--share PART-OF-THE-WORK] [--keep FILE] [--apart]

Each run with a tool has a run of the same program without one beside it: the two share one
processor (programs of two threads and of two processes: all of them), which they have in turns of
milliseconds, so that whatever else the machine does meets both alike. Printed is the median of the
pairs' ratios with its 95 % interval, which assumes nothing about how they scatter (order
statistics; from six pairs on). The row "nothing" compares the program with itself: it shows what
the noise is. The peers that bring an allocator of their own are compared with that allocator, not
sampling; the slow ones do a tenth of the work, in a fifth of the pairs.

Processor time is that of all processes of the run, its start included; of redis that of the server,
and of what a tool runs beside it, while it is under load: the client's would dilute it. The probe's memory is shared memory,
as under `spillmark run`; by itself it would make a file of it.

--apart lets the two of a pair run one after the other, now this and now that one first, and prints
wall time too: for a machine that does nothing else. --keep adds the pairs to those in FILE as they
are made: a bench that was cut short (^C) goes on.
"""
import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
SLOW_WORK, SLOW_PAIRS = 0.1, 0.2
ALL_PROCESSORS = os.sched_getaffinity(0)
ONE_PROCESSOR = {max(ALL_PROCESSORS)}


def workloads(build, share):
    """Name: (command, environment, the processors it may have)."""
    here = os.path.dirname(os.path.abspath(__file__))
    tests = os.path.join(build, "tests")

    def times(count):
        return str(max(1, round(count * share)))

    python = ["/usr/bin/python3", os.path.join(here, "workload.py"), times(25)]
    redis = ["sh", os.path.join(here, "workload_redis.sh")]
    return {
        "churn, 1 thread": ([f"{tests}/bench-churn", times(1500000), "1"], {}, ONE_PROCESSOR),
        "churn, 2 threads": ([f"{tests}/bench-churn", times(1500000), "2"], {}, ALL_PROCESSORS),
        "SQLite inserts": ([f"{tests}/bench-sqlite", times(150000)], {}, ONE_PROCESSOR),
        "C++ containers": ([f"{tests}/bench-containers", times(60)], {}, ONE_PROCESSOR),
        "Python, malloc": (python, {"PYTHONMALLOC": "malloc"}, ONE_PROCESSOR),
        "Python, own": (python, {}, ONE_PROCESSOR),
        "redis SET": (redis + [times(100000), "1"], {}, ALL_PROCESSORS),
        "redis SET -P 16": (redis + [times(600000), "16"], {}, ALL_PROCESSORS),
    }


def preload(library, **settings):
    return {"LD_PRELOAD": LIBRARIES + library, **settings}


def tools(build, peers, memory):
    """Name: (command in front, environment, environment of the baseline, slow)."""
    probe = os.path.join(build, "lib/spillmark/libspillmark-probe.so")

    def ours(interval):
        return ([], {"LD_PRELOAD": probe, "SPILLMARK_SAMPLE_BYTES": str(interval),
                     "SPILLMARK_OUT": memory}, {}, False)

    table = {
        "nothing": ([], {}, {}, False),
        "spillmark, totals": ours(0),
        "spillmark, 512 KiB": ours(524288),
        "spillmark, 64 KiB": ours(65536),
        "spillmark, every": ours(1),
    }
    if peers == "none":
        return table
    tcmalloc, jemalloc = "libtcmalloc.so.4", "libjemalloc.so.2"
    table["tcmalloc, 512 KiB"] = ([], preload(tcmalloc, TCMALLOC_SAMPLE_PARAMETER="524288"),
                                  preload(tcmalloc, TCMALLOC_SAMPLE_PARAMETER="0"), False)
    table["jemalloc, 512 KiB"] = ([], preload(jemalloc, MALLOC_CONF="prof:true,lg_prof_sample:19"),
                                  preload(jemalloc), False)
    table["heaptrack"] = (["heaptrack", "-o", "recording"], {}, {}, False)
    if peers == "all":
        table["jemalloc, every"] = ([], preload(jemalloc, MALLOC_CONF="prof:true,lg_prof_sample:0"),
                                    preload(jemalloc), True)
        table["HEAPPROFILE"] = ([], preload("libtcmalloc_and_profiler.so.4", HEAPPROFILE="profile"),
                                preload("libtcmalloc_and_profiler.so.4"), True)
        table["valgrind dhat"] = (["valgrind", "-q", "--tool=dhat", "--trace-children=yes"], {}, {},
                                  True)
    return {name: tool for name, tool in table.items()
            if not tool[0] or shutil.which(tool[0][0])}


def clear(directory):
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


class Run:
    """One program, in a directory of its own. It is put on its processors here: a program in front
    that did so would have the tool too."""

    def __init__(self, command, environment, processors, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.start = time.monotonic()
        self.process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=directory,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, processors))

    def ended(self, status, usage):
        """Seconds of wall time and of processor time, or None."""
        self.process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self.start, usage.ru_utime + usage.ru_stime
        measured = os.path.join(self.directory, "measured")  # by the workload itself
        if os.path.exists(measured):
            with open(measured, encoding="ascii") as file:
                seconds = tuple(float(word) for word in file.read().split())
        clear(self.directory)
        return seconds if self.process.returncode == 0 else None


def finish(runs):
    """Waits for all; what each took."""
    by_pid = {run.process.pid: i for i, run in enumerate(runs)}
    took = [None] * len(runs)
    while by_pid:
        pid, status, usage = os.wait4(-1, 0)
        if pid in by_pid:
            i = by_pid.pop(pid)
            took[i] = runs[i].ended(status, usage)
    return took


def pair(work, tool, options, tool_first, directory):
    """Ratios of wall time and of processor time, or None."""
    command, settings, processors = work
    front, environment, baseline, _ = tool
    if "heaptrack" in front:  # works in two processes
        processors = ALL_PROCESSORS
    if command[0] == "sh":  # which starts a server and a client
        environment, front = {**environment, "SERVER_FRONT": " ".join(front)}, []
    starts = [(command, {**settings, **baseline}, processors, os.path.join(directory, "plain")),
              (front + command, {**settings, **environment}, processors,
               os.path.join(directory, "tool"))]
    if tool_first:
        starts.reverse()
    if options.apart:
        took = [finish([Run(*start)])[0] for start in starts]
    else:
        took = finish([Run(*start) for start in starts])
    clear(environment.get("SPILLMARK_OUT", directory))
    if None in took:
        return None
    plain, with_tool = reversed(took) if tool_first else took
    return [tool / without for tool, without in zip(with_tool, plain)]


def interval(ratios):
    """The median's, so wide that it misses at most once in twenty times: of all ways that as many
    coins can fall, at most one in forty lies beyond each end. None of five pairs or less."""
    pairs, rank, beyond = len(ratios), 0, 0
    while beyond + math.comb(pairs, rank) <= 2 ** pairs / 40:
        beyond += math.comb(pairs, rank)
        rank += 1
    ordered = sorted(ratios)
    return (ordered[rank - 1], ordered[-rank]) if rank > 0 else None


def cell(pairs, clock):
    if None in pairs or not pairs:
        return "failed" if pairs else "-"
    ratios = [ratio[clock] for ratio in pairs]
    bounds = interval(ratios)
    digits = 3 if statistics.median(ratios) < 2 else 2 if statistics.median(ratios) < 10 else 1
    text = f"{statistics.median(ratios):.{digits}f}"
    return text + (f" ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})" if bounds else "")


def wanted(names, parts):
    return [name for name in names
            if not parts or any(part in name for part in parts.split(","))]


def measure(options, build, rows, columns, directory, kept):
    """Fills `kept`: workload and tool to list of pairs."""
    for turn in range(options.repeat):
        for name, tool in rows.items():
            slow = tool[3]
            works = workloads(build, options.share * (SLOW_WORK if slow else 1))
            for column in columns:
                pairs = kept.setdefault(f"{column} | {name}", [])
                enough = max(1, round(options.repeat * SLOW_PAIRS)) if slow else options.repeat
                if len(pairs) <= turn < enough and None not in pairs:
                    pairs.append(pair(works[column], tool, options, turn % 2 == 1,
                                      directory))
        if options.keep:
            with open(options.keep + ".new", "w", encoding="ascii") as file:
                json.dump(kept, file)
            os.replace(options.keep + ".new", options.keep)
        print(f"\rturn {turn + 1} of {options.repeat}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def show(rows, columns, kept, clock, title):
    print(f"| {title} | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name in rows:
        cells = [cell(kept.get(f"{column} | {name}", []), clock) for column in columns]
        print(f"| {name} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description="what the probe costs")
    parser.add_argument("build")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--tools", default="")
    parser.add_argument("--peers", choices=["all", "fast", "none"], default="fast")
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--keep", default="")
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    columns = wanted(workloads(build, 1), options.only)
    kept = {}
    if options.keep and os.path.exists(options.keep):
        with open(options.keep, encoding="ascii") as file:
            kept = json.load(file)
    with (tempfile.TemporaryDirectory(prefix="spillmark-bench-") as directory,
          tempfile.TemporaryDirectory(prefix="spillmark-bench-", dir="/dev/shm") as memory):
        table = tools(build, options.peers, memory)
        rows = {name: table[name] for name in wanted(table, options.tools)}
        try:
            measure(options, build, rows, columns, directory, kept)
        except KeyboardInterrupt:
            print("\ncut short", file=sys.stderr)
    if options.apart:
        show(rows, columns, kept, 0, "wall time over no tool")
        print()
    show(rows, columns, kept, 1, "processor time over no tool")


if __name__ == "__main__":
    main()
