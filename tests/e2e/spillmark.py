"""What the end-to-end tests share: running spillmark as a user would and looking at what is left.

Every test gets a directory of its own; every wait is for a condition with a generous deadline."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ.get("SPILLMARK", "build/bin/spillmark")
DEADLINE_S = 120


class Result:
    def __init__(self, process, out, err):
        self.status, self.out, self.err = process.returncode, out, err

    def lines(self):
        return [line for line in self.err.splitlines() if line.startswith("spillmark")]


# Runs a command as in a container whose profile forbids seccomp(2): it fails with EPERM.
FORBID_SECCOMP = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 317), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
whole = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, whole, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
WITHOUT_SECCOMP = [sys.executable, "-c", FORBID_SECCOMP]
CAN_FORBID_SECCOMP = os.uname().machine == "x86_64"  # by the call's number


def spillmark(*arguments, cwd=None, env=None, deadline_s=DEADLINE_S, stdin=subprocess.DEVNULL,
              under=()):
    process = subprocess.Popen([*under, BIN, *map(str, arguments)], cwd=cwd, env=env, stdin=stdin,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace")
    try:
        out, err = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"spillmark {arguments} did not end\n{out}\n{err}")
    return Result(process, out, err)


def wait_for(condition, what, deadline_s=DEADLINE_S):
    until = time.monotonic() + deadline_s
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


def processes_with(text):
    """Pids of live processes whose command line or environment-free cwd mentions text."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace")
            with open(f"/proc/{pid}/stat") as file:
                state = file.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if text in command and state != "Z" and int(pid) != os.getpid():
            found.append(int(pid))
    return found


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="sm-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def report(self, run):
        result = spillmark("report", run, "--format", "json")
        self.assertEqual(result.err, "")
        return json.loads(result.out)

    def assert_one_line(self, result, status, *words):
        self.assertEqual(result.status, status, result.err)
        errors = result.lines()
        self.assertEqual(len(errors), 1, result.err)
        for word in words:
            self.assertIn(word, errors[0])

    def assert_nothing_left(self, *, runs=True):
        self.assertEqual(processes_with(self.dir), [])
        if runs:
            self.assertFalse(os.path.exists(self.path("run")), "a run directory was left")


def main():
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
