"""Bad input: one clear line, the right status, nothing left running or on disk."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from spillmark import BIN, Case, main, processes_with, spillmark, wait_for

GOOD = """
return scenario {
  title = "a sleeper",
  target = program { "sleep", "600" },
  phases = { phase { "idle", "%s" } },
  budget = { fds = bounded },
}
"""


class BadInput(Case):
    def setUp(self):
        super().setUp()
        self.tmp = tempfile.mkdtemp(prefix="sm-", dir="/tmp")  # short enough to be taken
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)

    def run_text(self, text, *more):
        return spillmark("run", self.write("bad.lua", text), "-o", self.path("run"), *more)

    def check(self, text, status, *words):
        self.assert_one_line(self.run_text(text), status, *words)
        self.assert_nothing_left()

    def test_missing_file(self):
        result = spillmark("run", self.path("none.lua"), "-o", self.path("run"))
        self.assert_one_line(result, 2, "none.lua")
        self.assert_nothing_left()

    def test_unknown_shipped_name(self):
        result = spillmark("run", "log-batcher/slow-dsk", "-o", self.path("run"))
        self.assert_one_line(result, 2, "log-batcher/slow-disk")
        self.assert_nothing_left()

    def test_syntax_error(self):
        self.check("return scenario {\n  title = \n}", 2, "bad.lua:3")

    def test_unknown_key(self):
        self.check(GOOD.replace("title", "titel") % "1s", 2, "bad.lua", "titel", "title")

    def test_bad_unit(self):
        self.check(GOOD % "1 parsec", 2, "bad.lua", "parsec")

    def test_unknown_parameter(self):
        result = self.run_text(GOOD % "1s", "-p", "build=before")
        self.assert_one_line(result, 2, "build")

    def test_missing_program(self):
        self.check(GOOD.replace("sleep", "no-such-program-here") % "1s", 2, "no-such-program-here")

    def test_target_dies_at_once(self):
        text = GOOD.replace('"sleep", "600"',
                            '"sh", "-c", "echo out of cheese >&2; exit 7",'
                            ' ready = unix { path = "${run}/none.sock" }') % "1s"
        self.check(text, 3, "exit status 7", "out of cheese")

    def test_target_never_ready(self):
        text = GOOD.replace('"600"', '"600", ready_timeout = "300ms",'
                            ' ready = unix { path = "${run}/none.sock" }') % "1s"
        self.check(text, 3, "not ready")

    def test_port_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            text = GOOD.replace(
                '"sleep", "600"',
                f'"python3", "-m", "http.server", "--bind", "127.0.0.1", "{port}",'
                ' ready = log { text = "Serving" }') % "1s"
            self.check(text, 3, "Address already in use")

    def test_run_directory_cannot_be_made(self):
        blocker = self.write("file", "")
        result = spillmark("run", self.write("good.lua", GOOD % "1s"), "-o", blocker + "/run")
        self.assertIn(result.status, (2, 3))
        self.assertEqual(len(result.lines()), 1, result.err)

    def test_disk_full_under_the_run_directory(self):
        small = self.path("small")
        os.mkdir(small)
        scenario = self.write("good.lua", GOOD % "60s")
        script = (f"mount -t tmpfs -o size=256k none {small} &&"
                  f" {{ head -c 150k /dev/zero > {small}/ballast;"
                  f" {BIN} run {scenario} -o {small}/run; echo status $?;"
                  f" {BIN} report {small}/run --format json > {self.path('json')}; }}")
        process = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True,
                                 text=True, timeout=120)
        if "status" not in process.stdout:
            self.skipTest("no mount namespace here: " + process.stderr.strip())
        self.assertIn("status 3", process.stdout, process.stderr)
        self.assertIn("No space left", process.stderr)
        self.assertEqual(processes_with("sleep 600"), [])

    def test_static_binary(self):
        source = self.write("hold.c", "#include <stdlib.h>\n#include <unistd.h>\n"
                            "int main(void) { volatile char *p = malloc(1 << 20);"
                            " for (int i = 0; i < 1 << 20; i += 4096) p[i] = 1; sleep(600); }")
        subprocess.run(["cc", "-static", source, "-o", self.path("hold")], check=True)
        text = GOOD.replace('"sleep", "600"', f'"{self.path("hold")}"') % "1s"
        result = self.run_text(text)
        self.assertIn(result.status, (0, 4), result.err)
        self.assertIn("static", result.err + result.out)
        report = self.report(self.path("run"))
        self.assertNotIn("heap", report["series"])
        self.assertGreater(report["series"]["rss"]["peak"], 1 << 20)

    def start(self, scenario, run):
        """With a place of its own for its scratch directory: others of the same pid may have left
        theirs in the usual one."""
        return subprocess.Popen([BIN, "run", scenario, "-o", run], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "TMPDIR": self.tmp})

    def scratch(self):
        return os.listdir(self.tmp)

    def test_interrupt(self):
        for number, name in ((signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")):
            with self.subTest(name):
                run = self.path("run-" + name)
                scenario = self.write("good.lua", GOOD.replace("600", "617") % "60s")
                process = self.start(scenario, run)
                wait_for(lambda: processes_with("sleep 617"), "the target starts")
                self.assertEqual(len(self.scratch()), 1)
                process.send_signal(number)
                out, err = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 4, err)
                self.assertIn("interrupted", err)
                self.assertTrue(os.path.exists(os.path.join(run, "run.db")))
                self.assertEqual(processes_with("sleep 617"), [])
                self.assertIn("load and target have stopped; the report follows", err)
                self.assertEqual(self.scratch(), [])

    def test_killed_harness_leaves_no_process_and_a_record(self):
        run = self.path("run")
        scenario = self.write("good.lua", GOOD.replace("600", "618") % "60s")
        process = self.start(scenario, run)
        wait_for(lambda: processes_with("sleep 618"), "the target starts")
        wait_for(lambda: os.path.exists(run + "/run.db"), "the record exists")
        process.kill()
        process.communicate(timeout=60)
        wait_for(lambda: not processes_with("sleep 618"), "the target ends")
        wait_for(lambda: not self.scratch(), "the scratch directory goes")
        self.assertFalse(self.report(run)["complete"])


class BadCommandLine(Case):
    def test_usage(self):
        for arguments in ((), ("rum",), ("run",), ("run", "--speed"), ("run", "a.lua", "-p", "x"),
                          ("run", "a.lua", "--repeat", "0"), ("probe",), ("report",),
                          ("report", "none"), ("gate",)):
            with self.subTest(arguments):
                result = spillmark(*arguments, cwd=self.dir)
                self.assertEqual(result.status, 2, result.err)
                self.assertEqual(result.out, "")

    def test_report_of_something_else(self):
        for name, content in (("text.db", "hello"), ("empty.db", "")):
            result = spillmark("report", self.write(name, content))
            self.assert_one_line(result, 2, name)


if __name__ == "__main__":
    main()
