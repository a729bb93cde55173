"""What the pipelines make of their command lines: each option that --help tells of takes what it
says it takes, in both ways of writing it, and refuses the rest in one line."""
import os
import re
import subprocess
import sys
import unittest

PIPELINES = os.environ["PIPELINES"]
DEADLINE_S = 20
# What a program says first, when all it was given is good: what it needs is missing.
INCOMPLETE = {
    "bulk-rpc": "bulk-rpc: --listen is missing; see --help\n",
    "firehose": "firehose: one of --relay, --labeler and --backfill is needed\n",
    "log-batcher": "log-batcher: --socket is missing; see --help\n",
    "msgpack-ingest": "msgpack-ingest: --socket is missing; see --help\n",
    "recorder": "recorder: --listen is missing; see --help\n",
}


def run(program, *options, **variables):
    return subprocess.run([os.path.join(PIPELINES, program), *options], capture_output=True,
                          text=True, env=variables, timeout=DEADLINE_S)


def described(program):
    """Lines of --help by the option's name."""
    return dict(re.findall(r"^  --(\S+) +(.*)$", run(program, "--help").stdout, re.MULTILINE))


class Options(unittest.TestCase):
    def refused(self, line, program, *options, **variables):
        result = run(program, *options, **variables)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (2, "", line))

    def test_help(self):
        for program in INCOMPLETE:
            result = run(program, "--help")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertTrue(result.stdout.startswith(f"Usage: {program} "), result.stdout)
            self.assertGreater(len(described(program)), 5)

    def test_numbers_keep_their_range(self):
        for program, incomplete in INCOMPLETE.items():
            numbers = [name for name, text in described(program).items()
                       if re.search(r" \(-?\d+\)", text)]
            self.assertGreater(len(numbers), 1, program)
            for name in numbers:
                line = run(program, f"--{name}", "x").stderr
                match = re.fullmatch(f"{program}: --{name}: 'x' is not a whole number from "
                                     r"(-?\d+) to (\d+)\n", line)
                self.assertTrue(match, line)
                least, most = map(int, match.groups())
                for value in (str(least), str(most)):
                    self.refused(incomplete, program, f"--{name}", value)
                    self.refused(incomplete, program, f"--{name}={value}")
                for value in (str(least - 1), str(most + 1), "9" * 30, "", " 1", "+1", "1k", "1.5"):
                    self.refused(line.replace("'x'", f"'{value}'"), program, f"--{name}={value}")

    def test_choices_take_their_words(self):
        for program, incomplete in INCOMPLETE.items():
            choices = re.findall(r"^  --(\S+) .*: (\S+\|\S+) \((\S+)\)$",
                                 run(program, "--help").stdout, re.MULTILINE)
            self.assertTrue(choices, program)
            for name, words, usual in choices:
                words = words.split("|")
                self.assertIn(usual, words)
                for word in words:
                    self.refused(incomplete, program, f"--{name}", word)
                    self.refused(incomplete, program, f"--{name}={word}")
                line = (f"neither {words[0]} nor {words[1]}" if len(words) == 2
                        else "none of " + " ".join(words))
                self.refused(f"{program}: --{name}: 'ask' is {line}\n", program, f"--{name}", "ask")

    def test_what_is_no_option(self):
        for program in INCOMPLETE:
            name = next(iter(described(program)))
            self.refused(f"{program}: --{name}: needs a value; see --help\n", program, f"--{name}")
            for option in ("--no-such", "--no-such=1", "-x", "-xy"):
                self.refused(f"{program}: {option}: no such option; see --help\n", program, option)
            self.refused(f"{program}: 'more': takes options only; see --help\n", program, "more")

    def test_the_environment(self):
        self.refused("firehose: INGESTER_BATCH_SIZE: '0' is not a whole number from 1 to "
                     "2147483647\n", "firehose", INGESTER_BATCH_SIZE="0")
        self.refused("firehose: --batch-size: '-1' is not a whole number from 1 to 2147483647\n",
                     "firehose", "--batch-size", "-1", INGESTER_BATCH_SIZE="7")
        self.refused(INCOMPLETE["firehose"], "firehose", INGESTER_BATCH_SIZE="7")


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
