"""What of the target's environment comes into a record, and from there into reports."""
from spillmark import Case, main, spillmark

SCENARIO = """
return scenario {
  title  = "secrets",
  target = program { "python3", "-c", [[%s]], ready = log { "ready" },
                     env = { API_KEY = "hunter2-secret", MODE = "fast" } },
  phases = { phase { "idle", "300ms" } },
}
"""
PROGRAM = """
import os, time
assert os.environ["API_KEY"].startswith("hunter")
print("ready", flush=True)
while True: time.sleep(.05)
"""


class Environment(Case):
    def run_it(self, *options):
        path = self.write("it.lua", SCENARIO % PROGRAM)
        result = spillmark("run", path, "-o", self.path("run"), *options)
        self.assertIn(result.status, (0, 4), result.err)
        with open(self.path("run", "run.db"), "rb") as record:
            self.record = record.read()
        return result

    def test_values_are_left_out(self):
        result = self.run_it()
        self.assertEqual(self.report(self.path("run"))["variables"], {"API_KEY": None, "MODE": None})
        self.assertNotIn(b"hunter2", self.record)
        self.assertNotIn("hunter2", result.out + result.err)
        for form in ("text", "json", "markdown", "csv"):
            self.assertNotIn("hunter2", spillmark("report", self.path("run"), "--format", form).out)

    def test_values_are_recorded_when_asked_for(self):
        self.run_it("--record-env")
        self.assertEqual(self.report(self.path("run"))["variables"], {"API_KEY": "hunter2-secret", "MODE": "fast"})


if __name__ == "__main__":
    main()
