#!/usr/bin/env python3
"""mutate.py SCRATCH [--entries] [NAME...] - takes the probe's cures out, one at a time, in a copy of
the sources in SCRATCH, and runs the tests that must then fail. Prints which did.

With --entries, each hook instead: it is left out of the export map. NAME chooses, as a pattern.
Exit status 1 when a cure can be taken out without any test failing. Minutes; not a part of CI.

    mutate.py --check       only looks whether each cure is where mutations.py says"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch

from mutations import MUTATIONS, ROOT, entries

PROBE_TARGETS = r"(spillmark-probe|probe-observe|host-[\w.-]+)$"


def apply_edit(text, old, new):
    """The text with the edit made, or None if what it replaces is not there exactly once."""
    if old.startswith(r"\b"):
        return re.sub(old, new, text, count=1) if len(re.findall(old, text)) == 1 else None
    return text.replace(old, new) if text.count(old) == 1 else None


def misplaced():
    """What of the edits does not fit the sources, in words."""
    faults = []
    for mutation in [*MUTATIONS, *entries()]:
        texts = {}
        for name, old, new in mutation.edits:
            if name not in texts:
                with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                    texts[name] = file.read()
            changed = apply_edit(texts[name], old, new)
            if changed is None:
                faults.append(f"{mutation.name}: not there once in {name}: {old!r}")
            else:
                texts[name] = changed
    return faults


class Copy:
    """The sources and a build of them, beside the ones that are being worked on."""

    def __init__(self, scratch):
        self.source = os.path.join(scratch, "source")
        self.build = os.path.join(scratch, "build")
        os.makedirs(self.source, exist_ok=True)
        listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
                                check=True, capture_output=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            self.take(name)
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
            subprocess.run(["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", *launcher],
                           check=True, stdout=subprocess.DEVNULL)

    def take(self, name):
        source, copy = os.path.join(ROOT, name), os.path.join(self.source, name)
        if not os.path.isfile(source):
            return
        with open(source, "rb") as file:
            wanted = file.read()
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        if os.path.exists(copy):
            with open(copy, "rb") as file:
                if file.read() == wanted:
                    return
        shutil.copy(source, copy)
        os.utime(copy)

    def change(self, edits):
        for name, old, new in edits:
            path = os.path.join(self.source, name)
            with open(path, encoding="utf-8") as file:
                changed = apply_edit(file.read(), old, new)
            if changed is None:
                sys.exit(f"{name}: what is to be replaced is not there once: {old!r}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(changed)

    def make(self, tests):
        targets = subprocess.run(["ninja", "-C", self.build, "-t", "targets", "all"], check=True,
                                 capture_output=True, text=True).stdout
        names = re.findall(r"^([\w.-]+): phony$", targets, re.M)
        wanted = [name for name in names if re.match(PROBE_TARGETS, name)]
        if "unit." in tests:
            wanted += [name for name in names
                       if re.fullmatch(tests.replace("unit.", "test-"), name)]
        if "e2e." in tests:
            wanted += ["spillmark", "limited-program"]
        done = subprocess.run(["ninja", "-C", self.build, "-j2", *wanted], capture_output=True,
                              text=True)
        return None if done.returncode == 0 else done.stdout

    def test(self, tests):
        """Names of the tests that ran, and of those that failed."""
        done = subprocess.run(["ctest", "--test-dir", self.build, "-R", f"^({tests})", "-j2",
                               "--timeout", "60"], capture_output=True, text=True)
        ran = re.findall(r"Test +#\d+: (\S+) \.*[ *]*(\w+)", done.stdout)
        return [name for name, _ in ran], [n for n, end in ran if end not in ("Passed", "Skipped")]


def without(copy, mutation):
    """Names of the tests that failed; or a text why it cannot be said."""
    copy.change(mutation.edits)
    try:
        broken = copy.make(mutation.tests)
        if broken is not None:
            return f"DOES NOT BUILD\n{broken[-2000:]}"
        ran, failed = copy.test(mutation.tests)
        return failed or f"SURVIVES {len(ran)} tests"
    finally:
        for name, _, _ in mutation.edits:
            copy.take(name)


def take_out(copy, mutation):
    """What came of it, and whether it was caught."""
    failed = without(copy, mutation)
    if isinstance(failed, str):
        return failed, False
    copy.make(mutation.tests)
    _, still = copy.test("|".join(re.escape(name) + "$" for name in failed))
    if still:
        return f"FAILS WITH THE CURE TOO: {' '.join(still)}", False
    return " ".join(failed), True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scratch", nargs="?")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--entries", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_intermixed_args()
    if options.check or not options.scratch:
        print("\n".join(misplaced()) or "each cure is where it was")
        return misplaced() != [] or not options.check
    copy = Copy(os.path.abspath(options.scratch))
    survivors = 0
    for mutation in entries() if options.entries else MUTATIONS:
        if options.names and not any(fnmatch(mutation.name, name) for name in options.names):
            continue
        told, caught = take_out(copy, mutation)
        survivors += not caught
        print(f"{mutation.name}: {mutation.trap}: {told}", flush=True)
    return survivors != 0


if __name__ == "__main__":
    sys.exit(main())
