"""`spillmark doctor` tries each way on a small example, says what to do about those that fail,
and leaves nothing behind."""
import os
import shutil
import subprocess
import tempfile
import unittest

from spillmark import CAN_FORBID_SECCOMP, WITHOUT_SECCOMP

SPILLMARK = os.environ["SPILLMARK"]
LINES = ["slow disk", "every write", "file system", "disk cgroup", "reading processes", "probe", "stacks",
         "shared memory", "process files", "socket queues", "memory cgroup", "data limit", "pausing", "relay",
         "services", "clock"]
WANTED = ["every write", "file system", "disk cgroup", "socket queues", "memory cgroup", "services"]  # not essential


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
                     if name not in WANTED]
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

    def test_without_services_it_says_what_to_install(self):
        hidden = ("mount -t tmpfs none /usr/lib/postgresql && mount -t tmpfs none /usr/sbin"
                  " && mount --bind /dev/null /usr/bin/redis-server && PATH=/none exec \"$0\" doctor")
        done = subprocess.run(["unshare", "-m", "sh", "-c", hidden, SPILLMARK], text=True,
                              capture_output=True, timeout=60)
        if "unshare:" in done.stderr or "mount:" in done.stderr:
            self.skipTest("no mount namespace can be made here, or not in a chroot")
        self.assertIn("no postgres, no nginx", done.stdout)
        self.assertIn("apt-get install redis-server postgresql nginx", done.stdout)

    def test_without_a_loopback_interface(self):
        done = subprocess.run(["unshare", "-n", SPILLMARK, "doctor"], text=True,
                              capture_output=True, timeout=60)
        if "unshare failed" in done.stderr:
            self.skipTest("no network namespace can be made here")
        found = outcomes(done.stdout)
        self.assertFalse(found["relay"])
        self.assertTrue(found["pausing"])
        self.assertIn("ip link set lo up", done.stdout)
        self.assertEqual(done.returncode, 3)

    def test_without_seccomp_in_a_container(self):
        if not CAN_FORBID_SECCOMP:
            self.skipTest("the number of seccomp(2) is another here")
        done = subprocess.run([*WITHOUT_SECCOMP, SPILLMARK, "doctor"], text=True,
                              capture_output=True, timeout=60)
        found = outcomes(done.stdout)
        self.assertFalse(found["slow disk"] or found["every write"], done.stdout)
        self.assertIn("a seccomp profile that allows seccomp()", done.stdout)
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
