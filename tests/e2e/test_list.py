"""spillmark list: the shipped scenarios, as a user sees them."""
import os
import shutil
import signal
import subprocess

from spillmark import BIN, Case, main, spillmark

SCENARIOS = os.path.join(os.path.dirname(os.path.abspath(BIN)), "../share/spillmark/scenarios")


def shipped():
    for folder in sorted(os.listdir(SCENARIOS)):
        path = os.path.join(SCENARIOS, folder)
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else ():
            if name.endswith(".lua") and not name.startswith("_"):
                yield f"{folder}/{name[:-4]}"


class List(Case):
    def test_every_shipped_scenario_is_listed(self):
        result = spillmark("list")
        self.assertEqual((result.status, result.err), (0, ""))
        names = [line for line in result.out.splitlines() if line and line[0] != " "]
        self.assertEqual(names, list(shipped()))
        self.assertIn("log-batcher/slow-disk", names)
        self.assertRegex(result.out, r"\n    build +before \(or document, after\)")

    def test_arguments(self):
        self.assert_one_line(spillmark("list", "more"), 2, "more")

    def test_a_reader_that_goes_away(self):
        process = subprocess.Popen([BIN, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertIn(process.wait(60), (-signal.SIGPIPE, 3))

    def install(self):
        """A copy of the program with scenarios of the test's own."""
        os.makedirs(self.path("bin"))
        shutil.copy(BIN, self.path("bin/spillmark"))
        os.makedirs(self.path("share/spillmark/scenarios/mine"))

    def run_installed(self):
        return subprocess.run([self.path("bin/spillmark"), "list"], capture_output=True, text=True,
                              timeout=60)

    def test_broken_and_partial_files(self):
        self.install()
        folder = "share/spillmark/scenarios/mine/"
        good = ('return scenario { title = "A good one", target = program { "x" },'
                ' params = { tricky = param { "", help = "two words" } },'
                ' phases = { phase { "p", "1s" } } }')
        self.write(folder + "good.lua", good)
        self.write(folder + "bad.lua", "return scenario {\n titel = 1 }")
        self.write(folder + "_part.lua", "return {}")
        self.write(folder + "notes.txt", "no scenario")
        self.write("share/spillmark/scenarios/README.md", "no folder")
        result = self.run_installed()
        self.assertEqual(result.returncode, 2)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn("bad.lua:2: titel: no such key", result.stderr)
        self.assertIn('mine/good\n    A good one\n    tricky  ""  two words\n', result.stdout)
        self.assertNotIn("_part", result.stdout + result.stderr)

    def test_no_scenarios_installed(self):
        self.install()
        shutil.rmtree(self.path("share"))
        result = self.run_installed()
        self.assertEqual(result.returncode, 3)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)


if __name__ == "__main__":
    main()
