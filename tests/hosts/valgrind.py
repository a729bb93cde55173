#!/usr/bin/env python3
"""valgrind.py OBSERVE PROBE PROGRAM [ARGUMENT...] - valgrind and the probe count the same run: what is
in use at its end must be the same to the byte. Exit status 77 when there is no valgrind."""
import re
import shutil
import subprocess
import sys

# The probe's own malloc is left alone, and nothing is freed that the program did not free.
VALGRIND = ["valgrind", "--soname-synonyms=somalloc=nouserintercepts", "--run-libc-freeres=no",
            "--run-cxx-freeres=no", "--leak-check=no", "--undef-value-errors=no"]


def numbers(pattern, text):
    found = list(re.finditer(pattern, text))
    if not found:
        sys.exit(f"not said: {pattern}\n{text}")
    return [int(number.replace(",", "")) for number in found[-1].groups()]


def main():
    observe, probe, *command = sys.argv[1:]
    if not shutil.which("valgrind"):
        return 77
    done = subprocess.run([observe, probe, "--print", "--torn", "--drops", "--", *VALGRIND, *command],
                          capture_output=True, text=True)
    theirs = numbers(r"in use at exit: ([\d,]+) bytes in ([\d,]+) blocks", done.stderr)
    slots = [line for line in done.stdout.splitlines() if line.endswith(": " + " ".join(command))]
    if done.returncode != 0 or len(slots) != 1:
        sys.exit(f"status {done.returncode}\n{done.stdout}\n{done.stderr}")
    ours = numbers(r"live (\d+) in (\d+)", slots[0])
    calls = numbers(r"heap usage: ([\d,]+) allocs", done.stderr)[0]
    print(f"{calls} calls; valgrind and the probe: {theirs} {ours} bytes and blocks in use")
    return 0 if ours == theirs and theirs[1] > 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
