"""`spillmark doctor` tries each way on a small example, says what to do about those that fail,
and leaves nothing behind."""
import os
import shutil
import subprocess
import tempfile
import unittest

SPILLMARK = os.environ["SPILLMARK"]
LINES = ["slow disk", "reading processes", "probe", "stacks", "shared memory", "process files",
         "socket queues", "memory cgroup", "clock"]


def doctor(*arguments, program=SPILLMARK, **environment):
    with tempfile.TemporaryDirectory() as tmp:
        done = subprocess.run([program, "doctor", *arguments], text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "TMPDIR": tmp, **environment})
        assert os.listdir(tmp) == [], os.listdir(tmp)
    return done


def outcomes(text):
    """Whether each way works, by its name."""
    found = {}
    for line in text.splitlines():
        for name in LINES:
            if line.startswith(name + " "):
                found[name] = line[len(name):].split()[0] == "yes"
    return found


class Doctor(unittest.TestCase):
    def test_status_is_what_the_lines_say(self):
        done = doctor()
        found = outcomes(done.stdout)
        self.assertEqual(list(found), LINES)
        essential = [works for name, works in found.items()
                     if name not in ("socket queues", "memory cgroup")]
        self.assertEqual(done.returncode, 0 if all(essential) else 3, done.stdout)
        self.assertEqual(done.stderr, "")

    def test_without_the_probe_it_says_what_to_install(self):
        with tempfile.TemporaryDirectory() as prefix:
            os.mkdir(prefix + "/bin")
            lone = shutil.copy(SPILLMARK, prefix + "/bin/spillmark")
            done = doctor(program=lone)
        found = outcomes(done.stdout)
        self.assertFalse(found["probe"] or found["stacks"])
        self.assertTrue(found["clock"])
        self.assertIn("libspillmark-probe.so", done.stdout)
        self.assertIn("to do: install", done.stdout)
        self.assertEqual(done.returncode, 3)

    def test_arguments_are_refused(self):
        done = doctor("everything")
        self.assertEqual(done.returncode, 2)
        self.assertIn("everything", done.stderr)

    def test_without_a_temporary_directory(self):
        done = doctor(TMPDIR="/no/such/place")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("TMPDIR", done.stderr)


if __name__ == "__main__":
    unittest.main()
