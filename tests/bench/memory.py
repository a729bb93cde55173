#!/usr/bin/env python3
"""What the probe takes of memory: a table.

    memory.py BUILD-DIRECTORY [--repeat TIMES]

Anonymous, file and shared memory of a program that allocates and keeps, with the probe less without;
medians. The probe's memory is shared memory, as under `spillmark run`.
"""
import argparse
import os
import statistics
import subprocess
import tempfile

from probe import tools

TOOLS = ("spillmark, 512 KiB", "spillmark, every")
# What is kept, and as COUNT BYTES, freed before the next.
KEPT = (
    ("1 000 000", (1000000, 32)),
    ("1 000 000", (1000000, 64)),
    ("3 000 000", (3000000, 64)),
    ("1 000 000", (1000000, 500)),
    ("1 000 000", (1000000, 1000)),
    ("100 000", (100000, 16000)),
    ("1 000 000, freed, and as many again", (1000000, 64, 1000000, 64)),
    ("1 000 000 of 1 000 bytes, freed; then 3 000 000", (1000000, 1000, 3000000, 64)),
)


def resident_mb(program, asked, environment):
    done = subprocess.run([program, *map(str, asked)], stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, **environment})
    return int(done.stdout) * 1024 / 1e6


def main():
    parser = argparse.ArgumentParser(description="What the probe takes of memory.")
    parser.add_argument("build")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    program = os.path.join(options.build, "tests/bench-keep")
    print("| objects | of bytes | heap | 512 KiB | every allocation | 64 MiB and 3 % of the heap |")
    print("|---|---|---|---|---|---|")
    for name, asked in KEPT:
        heap = asked[-2] * asked[-1] / 1e6
        more = []
        for tool in TOOLS:
            differences = []
            for _ in range(options.repeat):
                with tempfile.TemporaryDirectory(prefix="spillmark-bench-", dir="/dev/shm") as memory:
                    environment = tools(options.build, "none", memory)[tool][1]
                    differences.append(resident_mb(program, asked, environment) -
                                       resident_mb(program, asked, {}))
            more.append(statistics.median(differences))
        print(f"| {name} | {asked[-1]} | {heap:.0f} MB | {more[0]:.1f} MB | {more[1]:.1f} MB | "
              f"{64 * 2**20 / 1e6 + .03 * heap:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
