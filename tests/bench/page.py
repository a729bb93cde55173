#!/usr/bin/env python3
"""How fast the page of an hour's record with ten thousand sites is made, opened and used.

    page.py SPILLMARK BROWSER BROWSER_MODULES [ROUNDS]

BROWSER is a headless Chromium, BROWSER_MODULES the directory in the build tree (tests/html) that the
tests install what drives it in. Every figure is the best and the median of the rounds: other work on
the machine only ever adds."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "html"))
import records  # noqa: E402

SECONDS, SITES = 3600, 10000


def show(name, values, unit):
    print(f"{name:34} best {min(values):8.1f} {unit}   median {statistics.median(values):8.1f} {unit}")


def main(spillmark, browser, modules, rounds=7):
    with tempfile.TemporaryDirectory(prefix="sm-bench-") as directory:
        run, page = os.path.join(directory, "hour"), os.path.join(directory, "hour.html")
        records.make(spillmark, "leaking", run, SECONDS, SITES)
        made = []
        for _ in range(rounds):
            begun = time.monotonic()
            subprocess.run([spillmark, "report", run, "--format", "html", "-o", page], check=False)
            made.append(1000 * (time.monotonic() - begun))
        print(f"record {os.path.getsize(os.path.join(run, 'run.db')) / 1e6:.1f} MB, page {os.path.getsize(page) / 1e6:.2f} MB")
        show("report --format html", made, "ms")
        result = subprocess.run(["node", os.path.join(HERE, "page_bench.mjs"), page, str(rounds)], check=True,
                                capture_output=True, text=True,
                                env={**os.environ, "BROWSER": browser, "BROWSER_MODULES": modules})
        for name, values in json.loads(result.stdout).items():
            show(name, values, "ms")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:5]))
