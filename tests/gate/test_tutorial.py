"""The leaks of the tutorial: all programs at once, for less time than a verdict takes. Where they leak
is known sooner, and never is such a run called good."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import BIN, Case, main, spillmark  # noqa: E402

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "harness", "docs")
SECONDS = 13
SESSION_BYTES = 1016


class Tutorial(Case):
    def start(self, name, *command):
        return subprocess.Popen(
            [BIN, "probe", "-o", self.path(name), "--sample-bytes", "4096", "--",
             *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONMALLOC": "malloc"})

    def compiled(self, *command):
        subprocess.run([*command, "-o", self.path("leaky" + command[0])], check=True, cwd=DOCS)
        return self.path("leaky" + command[0])

    def test_the_leaks_are_found(self):
        with open(os.path.join(DOCS, "tutorial.md")) as file:
            tutorial = file.read()
        expected = {"c": "open_session", "py": "_json"}
        runs = {"c": self.start("c", self.compiled("cc", "-g", "-O1", "leaky.c"), str(SECONDS)),
                # Killed, since its interpreter would free everything as it ends.
                "py": self.start("py", "timeout", "-s", "KILL", str(SECONDS), "/usr/bin/python3",
                                 os.path.join(DOCS, "leaky.py"), "900")}
        if shutil.which("rustc"):  # which tests do not install
            expected["rs"] = "leaky::subscribe"
            runs["rs"] = self.start("rs", self.compiled("rustc", "-g", "leaky.rs"), str(SECONDS))
        for name, run in runs.items():
            _, err = run.communicate(timeout=150)
            self.assertIn(run.returncode, (1, 3) if name == "py" else (1, 4), err)
            self.assertIn(expected[name], tutorial)
            stack, peak = self.largest(self.path(name))
            self.assertIn(expected[name], " ".join(stack), name)
            if name == "c":
                self.assertAlmostEqual(peak / (SECONDS * 200 * SESSION_BYTES), 1, delta=0.2)
            if name != "py":
                self.assertEqual(self.report(self.path(name))["sites"][0]["freed_by"], [])

    def largest(self, run):
        """The stack that held most at any time, and how much."""
        profile = json.loads(spillmark("report", run, "--format", "speedscope").out)
        names = [frame["name"] for frame in profile["shared"]["frames"]]
        peaks = next(p for p in profile["profiles"]
                     if p["name"] == "bytes when the site held most")
        at = peaks["weights"].index(max(peaks["weights"]))
        return [names[frame] for frame in peaks["samples"][at]], peaks["weights"][at]


if __name__ == "__main__":
    main()
