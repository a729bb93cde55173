"""The files for CI systems, used as those systems use them: steps taken from the files are run."""
import os
import re
import subprocess
import sys

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import BIN, Case, main  # noqa: E402

CI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "harness", "ci")
HOLD = "/usr/bin/python3 -S -c 'x = bytes({0}000000); y = bytearray(x)'"


class Integrations(Case):
    def setUp(self):
        super().setUp()
        self.env = {**os.environ, "PYTHONPATH": CI,
                    "PATH": f"{os.path.dirname(os.path.abspath(BIN))}:{os.environ['PATH']}"}

    def shell(self, script, **env):
        """As the runners do: bash, stopping at the first command that fails."""
        return subprocess.run(["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c",
                               script], cwd=self.dir, env={**self.env, **env}, text=True,
                              capture_output=True, timeout=120, check=False)

    def read(self, *name):
        with open(self.path(*name), encoding="utf-8") as file:
            return file.read()

    # ---- GitHub ----

    def action(self, **inputs):
        with open(os.path.join(CI, "action.yml")) as file:
            action = yaml.safe_load(file)
        self.assertEqual(action["runs"]["using"], "composite")
        self.assertLessEqual(set(inputs), set(action["inputs"]))
        given = {name: inputs.get(name, about["default"])
                 for name, about in action["inputs"].items()}
        result = None
        for step in action["runs"]["steps"]:
            self.assertEqual(step["shell"], "bash")
            env = {name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: given[m.group(1)], value)
                   for name, value in step["env"].items()}
            result = self.shell(step["run"], GITHUB_ACTION_PATH=os.path.abspath(CI),
                                GITHUB_STEP_SUMMARY=self.path("summary"), **env)
        return result

    def test_github_within_and_beyond(self):
        within = self.action(command=HOLD.format(1), limits="heap_peak=64MB fds_peak=100")
        self.assertEqual(within.returncode, 0, within.stderr)
        self.assertRegex(within.stdout, r"(?m)^::notice title=spillmark pass")
        self.assertIn("✅ PASS", self.read("summary"))
        beyond = self.action(command=HOLD.format(40), limits="heap_peak=64MB")
        self.assertEqual(beyond.returncode, 1, beyond.stderr)
        self.assertRegex(beyond.stdout, r"(?m)^::error title=spillmark budget heap_peak")
        self.assertIn("❌ FAIL", self.read("summary"))
        self.assertIn('"ruleId": "budget/heap_peak"', self.read("spillmark-ci", "memory.sarif"))
        self.assertIn("<failure", self.read("spillmark-ci", "junit.xml"))
        self.assertIn("<!doctype html>", self.read("spillmark-ci", "report.html"))

    def test_github_says_what_it_could_not_settle(self):
        asked = {"command": HOLD.format(1), "limits": "heap=bounded"}
        self.assertEqual(self.action(**asked).returncode, 4)
        self.assertEqual(self.action(**asked, **{"allow-inconclusive": "true"}).returncode, 0)
        self.assertEqual(self.action(command="exit 3", limits="heap_peak=1GB").returncode, 3)
        self.assertEqual(self.action(command="true", limits="heap_peek=1GB").returncode, 2)
        self.assertEqual(self.action().returncode, 2)
        self.assertEqual(self.action(scenario="no/such-scenario").returncode, 2)

    # ---- GitLab ----

    def test_gitlab(self):
        with open(os.path.join(CI, "gitlab.yml")) as file:
            job = yaml.safe_load(file)[".spillmark"]
        variables = {**job["variables"], "SPILLMARK_CI": os.path.abspath(CI),
                     "SPILLMARK_COMMAND": HOLD.format(40), "SPILLMARK_LIMITS": "heap_peak=64MB"}
        result = self.shell("\n".join(job["script"]), **variables)
        self.assertEqual(result.returncode, 1, result.stderr)
        junit = job["artifacts"]["reports"]["junit"].replace("$SPILLMARK_OUTPUT",
                                                            variables["SPILLMARK_OUTPUT"])
        self.assertIn('name="budget heap_peak"', self.read(junit))
        variables["SPILLMARK_LIMITS"] = "heap_peak=200MB"
        self.assertEqual(self.shell("\n".join(job["script"]), **variables).returncode, 0)

    # ---- languages ----

    def test_pytest(self):
        self.write("conftest.py", 'pytest_plugins = ["pytest_spillmark"]\n')
        self.write("test_mine.py", "import pytest\n"
                   "@pytest.mark.memory(heap_peak='64MB', fds_peak=50)\n"
                   "def test_within(): assert len(bytes(1000000)) == 1000000\n"
                   "@pytest.mark.memory(heap_peak='64MB')\n"
                   "def test_beyond(): assert len(bytearray(100000000))\n"
                   "@pytest.mark.memory(heap_peak='64MB')\n"
                   "def test_wrong(): assert False\n"
                   "def test_other(): pass\n")
        result = self.shell("/usr/bin/python3 -m pytest -q -rA -p no:cacheprovider test_mine.py")
        self.assertEqual(result.returncode, 1)
        for line in ("PASSED test_mine.py::test_within", "PASSED test_mine.py::test_other",
                     "FAILED test_mine.py::test_beyond", "FAILED test_mine.py::test_wrong"):
            self.assertIn(line, result.stdout)
        self.assertIn("the limit is 64.0 MB", result.stdout)

    def test_cargo(self):
        """With cargo where there is one; its runner's words are the same without."""
        with open(os.path.join(CI, "cargo-config.toml")) as file:
            config = file.read()
        runner = re.search(r"^runner = \[(.*)\]$", config, re.M).group(1)
        words = " ".join(word.strip(' "') for word in runner.split(","))
        self.assertEqual(self.shell(f"{words} {HOLD.format(1)}").returncode, 0)
        self.assertEqual(self.shell(f"{words} {HOLD.format(40)}").returncode, 1)
        if self.shell("cargo --version").returncode != 0:
            return
        os.makedirs(self.path(".cargo"))
        self.write(".cargo/config.toml", config)
        self.write("Cargo.toml", '[package]\nname = "mine"\nversion = "0.1.0"\nedition = "2021"\n')
        os.makedirs(self.path("src"))
        self.write("src/lib.rs", "#[test]\nfn holds() { assert_eq!(vec![1u8; %s].len() %% 10, 0); }\n"
                   % "40_000_000")
        self.assertEqual(self.shell("cargo test --offline --lib").returncode, 0)
        self.write("src/lib.rs", "#[test]\nfn holds() { assert_eq!(vec![1u8; %s].len() %% 10, 0); }\n"
                   % "400_000_000")
        beyond = self.shell("cargo test --offline --lib")
        self.assertNotEqual(beyond.returncode, 0)
        self.assertIn("the limit is 64.0 MB", beyond.stderr)


if __name__ == "__main__":
    main()
