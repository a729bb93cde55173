#!/usr/bin/env python3
"""What the probe costs, beside its peers: one table.

    probe.py BUILD-DIRECTORY [--repeat N] [--only WORKLOAD,...] [--peers all|fast|none]

Interleaved pairs: each run of a tool stands beside a run of the same program without one, and
the median of the ratios is printed, as wall time / CPU time of all processes. The peers that
bring an allocator of their own are compared with that allocator, not sampling. The slow peers
(--peers all) take minutes.
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


def workloads(build):
    here = os.path.dirname(os.path.abspath(__file__))
    tests = os.path.join(build, "tests")
    python = ["/usr/bin/python3", os.path.join(here, "workload.py"), "25"]
    return {
        "churn, 1 thread": ([f"{tests}/bench-churn", "1500000", "1"], {}),
        "churn, 2 threads": ([f"{tests}/bench-churn", "1500000", "2"], {}),
        "SQLite inserts": ([f"{tests}/bench-sqlite", "150000"], {}),
        "C++ containers": ([f"{tests}/bench-containers", "60"], {}),
        "Python, malloc": (python, {"PYTHONMALLOC": "malloc"}),
        "Python, own": (python, {}),
        "redis SET -P 16": (["sh", os.path.join(here, "workload_redis.sh")], {}),
    }


def preload(library, **settings):
    return {"LD_PRELOAD": LIBRARIES + library, **settings}


def tools(build, peers):
    """Name: (command in front, environment, environment of the baseline)."""
    probe = os.path.join(build, "lib/spillmark/libspillmark-probe.so")

    def ours(interval):
        return ([], {"LD_PRELOAD": probe, "SPILLMARK_SAMPLE_BYTES": str(interval)}, {})

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
                                  preload(tcmalloc, TCMALLOC_SAMPLE_PARAMETER="0"))
    table["jemalloc, 512 KiB"] = ([], preload(jemalloc, MALLOC_CONF="prof:true,lg_prof_sample:19"),
                                  preload(jemalloc))
    table["heaptrack"] = (["heaptrack", "-o", "recording"], {}, {})
    if peers == "all":
        table["jemalloc, every"] = ([], preload(jemalloc, MALLOC_CONF="prof:true,lg_prof_sample:0"),
                                    preload(jemalloc))
        table["HEAPPROFILE"] = ([], preload("libtcmalloc_and_profiler.so.4", HEAPPROFILE="profile"),
                                preload("libtcmalloc_and_profiler.so.4"))
        table["valgrind dhat"] = (["valgrind", "-q", "--tool=dhat"], {}, {})
    return {name: tool for name, tool in table.items()
            if not tool[0] or shutil.which(tool[0][0])}


def run(command, environment, directory):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, env={**os.environ, **environment}, cwd=directory,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    if done.returncode != 0:
        return None
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def pair(command, settings, tool, repeat, directory):
    front, environment, baseline = tool
    walls, cpus = [], []
    for _ in range(repeat):
        plain = run(command, {**settings, **baseline}, directory)
        with_tool = run(front + command, {**settings, **environment}, directory)
        if plain is None or with_tool is None:
            return "failed"
        walls.append(with_tool[0] / plain[0])
        cpus.append(with_tool[1] / plain[1])
    return f"{statistics.median(walls):.2f} / {statistics.median(cpus):.2f}"


def main():
    parser = argparse.ArgumentParser(description="what the probe costs")
    parser.add_argument("build")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--peers", choices=["all", "fast", "none"], default="fast")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    rows = tools(build, options.peers)
    columns = {name: work for name, work in workloads(build).items()
               if not options.only or any(part in name for part in options.only.split(","))}
    print("| wall / CPU over no tool | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    with tempfile.TemporaryDirectory(prefix="spillmark-bench-") as directory:
        for name, tool in rows.items():
            cells = [pair(command, settings, tool, options.repeat, directory)
                     for command, settings in columns.values()]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
