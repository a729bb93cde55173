"""The report in HTML in a real browser: makes the records and their pages, then runs the tests of NAME.

    test_page.py NAME"""
import os
import subprocess
import sys
import tempfile

import records

SPILLMARK = os.environ["SPILLMARK"]
TESTS = {"page": ["page.test.mjs", "compare.test.mjs"], "live": ["live.test.mjs"]}
HERE = os.path.dirname(os.path.abspath(__file__))


def make_pages(directory):
    for name, kind, seconds, sites in (("leaking", "leaking", 40, 60), ("bounded", "bounded", 40, 60),
                                       ("hostile", "hostile", 40, 60), ("many", "leaking", 40, 10000)):
        run = os.path.join(directory, name)
        records.make(SPILLMARK, kind, run, seconds, sites)
        made = subprocess.run([SPILLMARK, "report", run, "--format", "html", "-o", run + ".html"], check=False)
        assert made.returncode in (0, 1, 4), made
    for name, runs in (("compared", ("leaking", "bounded")), ("compared-hostile", ("hostile", "leaking", "bounded"))):
        subprocess.run([SPILLMARK, "compare", *(os.path.join(directory, run) for run in runs), "--format", "html",
                        "-o", os.path.join(directory, name + ".html")], check=True)


with tempfile.TemporaryDirectory(prefix="sm-test-") as pages:
    if sys.argv[1] == "page":
        make_pages(pages)
    test = subprocess.run(["node", "--test", *TESTS[sys.argv[1]]], check=False, cwd=HERE,
                          env={**os.environ, "PAGES": pages})
sys.exit(test.returncode)
