#!/usr/bin/env python3
"""What the probe costs, beside its peers: one table.

    probe.py BUILD-DIRECTORY [--repeat N] [--only WORKLOAD,...] [--tools TOOL,...]
             [--peers all|fast|none] [--minima] [--share PART-OF-THE-WORK]

Interleaved pairs: each run of a tool stands beside a run of the same program without one, and
the median of the ratios is printed, as wall time / CPU time of all processes. --minima prints the
ratio of the quickest runs instead, which a busy machine disturbs less. The peers that bring an
allocator of their own are compared with that allocator, not sampling. The probe's memory is
shared memory, as under `spillmark run`; by itself it would make a file of it. The slow peers
(--peers all) do a tenth of the work and take minutes all the same.
"""
import argparse
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
SLOW = 0.1


def workloads(build, share):
    here = os.path.dirname(os.path.abspath(__file__))
    tests = os.path.join(build, "tests")

    def times(count):
        return str(round(count * share))

    python = ["/usr/bin/python3", os.path.join(here, "workload.py"), times(25)]
    redis = ["sh", os.path.join(here, "workload_redis.sh"), times(600000)]
    return {
        "churn, 1 thread": ([f"{tests}/bench-churn", times(1500000), "1"], {}),
        "churn, 2 threads": ([f"{tests}/bench-churn", times(1500000), "2"], {}),
        "SQLite inserts": ([f"{tests}/bench-sqlite", times(150000)], {}),
        "C++ containers": ([f"{tests}/bench-containers", times(60)], {}),
        "Python, malloc": (python, {"PYTHONMALLOC": "malloc"}),
        "Python, own": (python, {}),
        "redis SET": (["sh", os.path.join(here, "workload_redis.sh"), times(100000), "1"], {}),
        "redis SET -P 16": (redis + ["16"], {}),
    }


def preload(library, **settings):
    return {"LD_PRELOAD": LIBRARIES + library, **settings}


def tools(build, peers, memory):
    """Name: (command in front, environment, environment of the baseline, share of the work)."""
    probe = os.path.join(build, "lib/spillmark/libspillmark-probe.so")

    def ours(interval):
        return ([], {"LD_PRELOAD": probe, "SPILLMARK_SAMPLE_BYTES": str(interval),
                     "SPILLMARK_OUT": memory}, {}, 1)

    table = {
        "spillmark, totals": ours(0),
        "spillmark, 512 KiB": ours(524288),
        "spillmark, 64 KiB": ours(65536),
        "spillmark, every": ours(1),
    }
    if peers == "none":
        return table
    tcmalloc, jemalloc = "libtcmalloc.so.4", "libjemalloc.so.2"
    table["tcmalloc, 512 KiB"] = ([], preload(tcmalloc, TCMALLOC_SAMPLE_PARAMETER="524288"),
                                  preload(tcmalloc, TCMALLOC_SAMPLE_PARAMETER="0"), 1)
    table["jemalloc, 512 KiB"] = ([], preload(jemalloc, MALLOC_CONF="prof:true,lg_prof_sample:19"),
                                  preload(jemalloc), 1)
    table["heaptrack"] = (["heaptrack", "-o", "recording"], {}, {}, 1)
    if peers == "all":
        table["jemalloc, every"] = ([], preload(jemalloc, MALLOC_CONF="prof:true,lg_prof_sample:0"),
                                    preload(jemalloc), SLOW)
        table["HEAPPROFILE"] = ([], preload("libtcmalloc_and_profiler.so.4", HEAPPROFILE="profile"),
                                preload("libtcmalloc_and_profiler.so.4"), SLOW)
        table["valgrind dhat"] = (["valgrind", "-q", "--tool=dhat", "--trace-children=yes"], {}, {},
                                  SLOW)
    return {name: tool for name, tool in table.items()
            if not tool[0] or shutil.which(tool[0][0])}


def clear(directory):
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def run(command, environment, directory):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, env={**os.environ, **environment}, cwd=directory,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    clear(directory)
    if "SPILLMARK_OUT" in environment:
        clear(environment["SPILLMARK_OUT"])
    if done.returncode != 0:
        return None
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def ratio(pairs, minima):
    """Of the runs with a tool over those without."""
    if minima:
        return min(tool for tool, _ in pairs) / min(plain for _, plain in pairs)
    return statistics.median(tool / plain for tool, plain in pairs)


def pair(command, settings, tool, options, directory):
    front, environment, baseline, _ = tool
    walls, cpus = [], []
    for _ in range(options.repeat):
        plain = run(command, {**settings, **baseline}, directory)
        with_tool = run(front + command, {**settings, **environment}, directory)
        if plain is None or with_tool is None:
            return "failed"
        walls.append((with_tool[0], plain[0]))
        cpus.append((with_tool[1], plain[1]))
    return f"{ratio(walls, options.minima):.2f} / {ratio(cpus, options.minima):.2f}"


def wanted(names, parts):
    return [name for name in names
            if not parts or any(part in name for part in parts.split(","))]


def main():
    parser = argparse.ArgumentParser(description="what the probe costs")
    parser.add_argument("build")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--tools", default="")
    parser.add_argument("--peers", choices=["all", "fast", "none"], default="fast")
    parser.add_argument("--minima", action="store_true")
    parser.add_argument("--share", type=float, default=1)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    columns = wanted(workloads(build, 1), options.only)
    print("| wall / CPU over no tool | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    with (tempfile.TemporaryDirectory(prefix="spillmark-bench-") as directory,
          tempfile.TemporaryDirectory(prefix="spillmark-bench-", dir="/dev/shm") as memory):
        rows = tools(build, options.peers, memory)
        for name in wanted(rows, options.tools):
            works = workloads(build, rows[name][3] * options.share)
            cells = [pair(*works[column], rows[name], options, directory) for column in columns]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
