"""Every format of the field, opened with the program it is for: what that program then says is
compared with what is known about the run."""
import base64
import csv
import glob
import gzip
import io
import json
import os
import re
import subprocess
import sys

import jsonschema
import junitparser
from prometheus_client.openmetrics.parser import text_string_to_metric_families

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from spillmark import Case, main, spillmark  # noqa: E402

NODE_MODULES = os.environ["NODE_MODULES"]
SCHEMA = os.environ["REPORT_SCHEMA"]
KINDS = ("backlog", "bounded", "leak", "watched", "cut", "hostile", "empty")
FORMATS = ("json", "junit", "markdown", "github", "sarif", "openmetrics", "openmetrics-history",
           "csv", "csv-ledger", "pprof", "folded", "folded-growth", "speedscope", "gperftools")


def strict(schema):
    """The schema with nothing allowed that it does not describe."""
    if isinstance(schema, dict):
        return {**{key: strict(value) for key, value in schema.items()},
                **({"additionalProperties": False} if "properties" in schema else {})}
    return [strict(item) for item in schema] if isinstance(schema, list) else schema


class Formats(Case):
    def setUp(self):
        super().setUp()
        self.env = {**os.environ, "HOME": self.dir, "PPROF_TMPDIR": self.dir, "LC_ALL": "C.UTF-8"}

    def tool(self, *command, stdin=None, status=0):
        result = subprocess.run(command, input=stdin, cwd=self.dir, env=self.env, timeout=60,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, status, f"{command}: {result.stderr.decode()}")
        return result.stdout.decode()

    def record(self, kind):
        path = self.path(f"{kind}.db")
        if not os.path.exists(path):
            self.tool(os.environ["WRITE_RECORD"], kind, path)
        return path

    def known(self):
        """A record of a program whose sites are known from its source, every allocation kept."""
        run = self.path("known")
        if not os.path.exists(run):
            spillmark("probe", "-o", run, "--sample-bytes", 1, "--", os.environ["KNOWN_SITES"])
        return run

    def rendered(self, run, format):
        out = self.path(f"{os.path.basename(run)}.{format}")
        result = spillmark("report", run, "--format", format, "--output", out, cwd=self.dir)
        self.assertIn(result.status, (0, 1, 4), result.err)
        self.assertEqual(result.err, "")
        with open(out, "rb") as file:
            return out, file.read()

    # ---- profiles ----

    def test_pprof_counts_what_the_source_allocates(self):
        out, data = self.rendered(self.known(), "pprof")
        self.assertGreater(len(gzip.decompress(data)), 500)
        pprof = ("go", "tool", "pprof", "-symbolize=none")
        raw = self.tool(*pprof, "-raw", out)
        samples = {}
        functions = dict(re.findall(r"^ +(\d+): 0x[0-9a-f]+ M=\d+ (\w+)", raw, re.M))
        for line in re.findall(r"^ +((?:-?\d+ +){12}-?\d+): (.*)$", raw, re.M):
            values, stack = [int(v) for v in line[0].split()], line[1].split()
            name = functions[stack[0]]
            samples[name] = [a + b for a, b in zip(values[:4], samples.get(name, [0] * 4))]
        self.assertEqual(samples["small_site"], [5000, 5000 * 40, 5000, 5000 * 40])
        self.assertEqual(samples["half_freed_site"], [4000, 4000 * 200, 2000, 2000 * 200])
        self.assertEqual(samples["recursive_site"], [300, 300 * 1000, 300, 300 * 1000])
        top = self.tool(*pprof, "-top", "-unit=b", "-sample_index=inuse_space", out)
        self.assertRegex(top, r"400000B +\S+ +\S+ +400000B +\S+ +half_freed_site\n")
        self.assertRegex(top, r"\n +0 +0% +100% +\d+B +100% +main\n")
        lines = self.tool(*pprof, "-traces", "-lines", "-sample_index=inuse_objects", out)
        with open(os.path.join(HERE, "..", "e2e", "known_sites.c"), encoding="utf-8") as source:
            caller = [line.strip() for line in source].index("small_site(5000);") + 1
        self.assertRegex(
            lines, rf" 5000 +small_site \S*known_sites\.c:\d+\n +main \S*:{caller}\n")
        tags = self.tool(*pprof, "-tags", "-sample_index=alloc_objects", out)
        self.assertIn("half_freed_site (known_sites.c:", tags)

    def test_pprof_opens_every_record(self):
        for kind in KINDS:
            out, _ = self.rendered(self.record(kind), "pprof")
            for index in ("growth_space", "peak_objects", "open_descriptors"):
                self.tool("go", "tool", "pprof", "-top", f"-sample_index={index}", out)
        out, _ = self.rendered(self.record("backlog"), "pprof")
        top = self.tool("go", "tool", "pprof", "-top", "-unit=b", "-sample_index=growth_space", out)
        self.assertRegex(top, r"17472000B.* malloc\n")
        self.assertRegex(top, r"17472000B +100% +channel_send\n")
        top = self.tool("go", "tool", "pprof", "-top", "-sample_index=open_descriptors", out)
        self.assertRegex(top, r" 200 +100% +100% +200 +100% +sysmon_open\n")

    def test_google_pprof_reads_the_heap_profile(self):
        out, _ = self.rendered(self.known(), "gperftools")
        text = self.tool("google-pprof", "--text", "--inuse_objects", out)
        self.assertRegex(text, r" 5000 .* small_site\n")
        self.assertRegex(text, r" 2000 .* half_freed_site\n")
        text = self.tool("google-pprof", "--text", "--alloc_objects", out)
        self.assertRegex(text, r" 4000 .* half_freed_site\n")
        for kind in KINDS:
            out, _ = self.rendered(self.record(kind), "gperftools")
            if kind not in ("watched", "empty"):  # which hold no site
                self.tool("google-pprof", "--text", out)
        # What google-pprof folds is what is folded here.
        out, _ = self.rendered(self.known(), "gperftools")
        theirs = self.tool("google-pprof", "--collapsed", out)
        _, ours = self.rendered(self.known(), "folded")
        self.assertEqual(sorted(line for line in theirs.splitlines() if not line.endswith(" 0")),
                         sorted(ours.decode().splitlines()))

    def test_folded_stacks_are_lines_of_frames_and_a_number(self):
        for kind in KINDS:
            for format in ("folded", "folded-growth"):
                _, data = self.rendered(self.record(kind), format)
                for line in data.decode().splitlines():
                    self.assertRegex(line, r"^[^;]+(;[^;]+)* [1-9][0-9]*$")
        _, data = self.rendered(self.record("backlog"), "folded-growth")
        self.assertIn(b"rpc_insert;channel_send;malloc 17472000\n", data)

    def test_speedscope_describes_its_files(self):
        with open(f"{NODE_MODULES}/speedscope/dist/release/file-format-schema.json") as file:
            schema = json.load(file)
        for kind in KINDS:
            _, data = self.rendered(self.record(kind), "speedscope")
            jsonschema.Draft7Validator(schema).validate(json.loads(data))
        _, data = self.rendered(self.record("backlog"), "speedscope")
        growth = json.loads(data)["profiles"][0]
        self.assertEqual(growth["endValue"], sum(growth["weights"]))
        names = [frame["name"] for frame in json.loads(data)["shared"]["frames"]]
        self.assertIn(["rpc_insert", "channel_send", "malloc"],
                      [[names[at] for at in sample] for sample in growth["samples"]])

    def test_speedscope_shows_what_it_is_given(self):
        """The program itself, in a browser, on the table of functions that it draws as text."""
        page = f"{NODE_MODULES}/speedscope/dist/release/index.html"
        for kind, format, importer, function in (
                ("backlog", "speedscope", "speedscope", "channel_send"),
                ("backlog", "folded-growth", "collapsed stack format", "channel_send"),
                ("backlog", "pprof", "protobuf", "cache_fill"),  # what is in use at the end
                ("hostile", "speedscope", "speedscope", "::error::")):
            _, data = self.rendered(self.record(kind), format)
            script = self.write("load.js", 'speedscope.loadFileFromBase64("given.%s", "%s")'
                                % (format, base64.b64encode(data).decode()))
            shown = subprocess.run(
                [os.environ["BROWSER"], "--no-sandbox", "--allow-file-access-from-files",
                 "--enable-unsafe-swiftshader", "--enable-logging=stderr",
                 f"--user-data-dir={self.path('browser')}", "--virtual-time-budget=20000",
                 "--dump-dom", f"file://{page}#view=sandwich&localProfilePath={script}"],
                capture_output=True, text=True, timeout=120, check=False, env=self.env)
            self.assertIn(f"Importing as {importer}", shown.stderr)
            self.assertNotIn("Uncaught", shown.stderr)
            self.assertIn(function, shown.stdout)
            self.assertNotIn("<b>&amp;", shown.stdout)  # a name, not markup

    # ---- CI ----

    def test_junit_counts_what_failed(self):
        for kind in KINDS:
            out, _ = self.rendered(self.record(kind), "junit")
            self.tool("xmllint", "--noout", "--nonet", out)
            verdict = self.report(self.record(kind))["verdict"]
            suite = next(iter(junitparser.JUnitXml.fromfile(out)))
            cases = list(suite)
            results = [type(result).__name__ for case in cases for result in case.result]
            self.assertEqual(suite.tests, len(cases))
            self.assertEqual(suite.failures, results.count("Failure"))
            self.assertEqual(suite.errors, results.count("Error"))
            self.assertEqual(not results, verdict == "pass", kind)
            self.assertEqual("Failure" in results, verdict == "fail", kind)
        out, _ = self.rendered(self.record("backlog"), "junit")
        cases = {case.name: case for case in next(iter(junitparser.JUnitXml.fromfile(out)))}
        self.assertEqual(set(cases), {"verdict", "budget heap", "budget heap_peak", "budget fds",
                                      "budget unaccounted"})
        self.assertIn("78.5 MB", cases["budget heap_peak"].result[0].message)
        self.assertEqual(cases["budget unaccounted"].result, [])

    def test_sarif_is_what_its_schema_says(self):
        found = glob.glob(f"{NODE_MODULES}/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0*.json")
        with open(found[0]) as file:
            validator = jsonschema.Draft4Validator(json.load(file))
        for kind in KINDS:
            _, data = self.rendered(self.record(kind), "sarif")
            validator.validate(json.loads(data))
        self.write("channel.c", "")
        self.write("sysmon.c", "")
        _, data = self.rendered(self.record("backlog"), "sarif")
        results = {result["ruleId"]: result for result in json.loads(data)["runs"][0]["results"]}
        place = results["backlog"]["locations"][0]["physicalLocation"]
        self.assertEqual((results["backlog"]["level"], place["artifactLocation"]["uri"],
                          place["region"]["startLine"]), ("error", "channel.c", 104))
        self.assertEqual(results["fd_leak"]["stacks"][0]["frames"][0]["location"]["message"]["text"],
                         "sysmon_open (sysmon.c:33)")
        self.assertIn("budget/heap_peak", results)
        _, data = self.rendered(self.record("bounded"), "sarif")
        self.assertEqual([result for result in json.loads(data)["runs"][0]["results"]
                          if result["level"] != "note"], [])

    def test_github_reads_the_annotations(self):
        """By the rules of its runner: src/Runner.Common/ActionCommand.cs."""
        self.write("channel.c", "")
        for kind in KINDS:
            _, data = self.rendered(self.record(kind), "github")
            for line in data.decode().splitlines():
                command, properties, message = re.fullmatch(
                    r"::(\w+) ((?:[^:,=]+=[^:,]*,?)+)::(.*)", line).groups()
                self.assertIn(command, ("notice", "warning", "error"))
                keys = [pair.split("=", 1)[0] for pair in properties.split(",")]
                self.assertEqual(keys[-1], "title")
                self.assertLessEqual(set(keys), {"file", "line", "title"})
                self.assertIsNone(re.search(r"%(?!25|0A|3A|2C)", properties + message))
        _, data = self.rendered(self.record("backlog"), "github")
        self.assertIn("::error file=channel.c,line=104,title=spillmark backlog (heap)::",
                      data.decode())

    def test_markdown_becomes_tables_and_no_markup(self):
        for kind in KINDS:
            out, _ = self.rendered(self.record(kind), "markdown")
            html = self.tool("cmark-gfm", "-e", "table", "-e", "autolink", "--unsafe", out)
            self.assertNotIn("<b>", html)
        out, _ = self.rendered(self.record("backlog"), "markdown")
        html = self.tool("cmark-gfm", "-e", "table", out)
        self.assertEqual(html.count("<table>"), 3)
        self.assertRegex(html, r"<td>heap_peak</td>\n<td align=\"right\">64MB</td>\n"
                               r"<td align=\"right\">78.5 MB</td>\n<td align=\"right\">-14.5 MB</td>")

    # ---- monitors ----

    def test_prometheus_reads_the_figures(self):
        for kind in KINDS:
            _, data = self.rendered(self.record(kind), "openmetrics")
            self.tool("promtool", "check", "metrics", stdin=data)
            samples = {(s.name, *sorted(s.labels.items())): s.value
                       for family in text_string_to_metric_families(data.decode())
                       for s in family.samples}
            report = self.report(self.record(kind))
            scenario = ("scenario", report["scenario"])
            for name, series in report["series"].items():
                family = "spillmark_series_bytes" if name.startswith(("heap", "rss", "slack")) \
                    else "spillmark_series"
                key = (family, ("at", "peak"), scenario, ("series", name))
                self.assertEqual(samples.get(key), series["peak"], f"{kind} {name}")
            self.assertEqual(samples["spillmark_exit_status", scenario], report["exit_status"])

    def test_prometheus_fills_its_database_with_the_history(self):
        for kind in ("backlog", "hostile"):
            out, data = self.rendered(self.record(kind), "openmetrics-history")
            database = self.path(f"tsdb-{kind}")
            self.tool("promtool", "tsdb", "create-blocks-from", "openmetrics", out, database)
            os.mkdir(os.path.join(database, "wal"))  # dump looks for one
            dump = self.tool("promtool", "tsdb", "dump", database).splitlines()
            self.assertEqual(len(dump), sum(not line.startswith(b"#")
                                            for line in data.splitlines()))
            peak = max(float(line.rsplit(" ", 2)[1]) for line in dump if 'series="heap"' in line)
            self.assertEqual(peak, self.report(self.record(kind))["series"]["heap"]["peak"])

    # ---- data ----

    def test_csv_reads_back_to_the_same_verdicts(self):
        for kind in KINDS:
            if kind == "empty":
                continue
            out, data = self.rendered(self.record(kind), "csv")
            again = json.loads(spillmark("report", out, "--format", "verdicts").out)
            verdicts = json.loads(spillmark("report", self.record(kind), "--format",
                                            "verdicts").out)
            if kind == "hostile":
                del again["id"], verdicts["id"]  # which has no blanks in a file
            self.assertEqual(again, verdicts)
            rows = list(csv.DictReader(io.StringIO(data.decode().split("\n", 1)[1])))
            self.assertGreater(len(rows), 300)
            self.assertNotIn(None, rows[-1].values())
        out, data = self.rendered(self.record("backlog"), "csv")
        rows = list(csv.DictReader(io.StringIO(data.decode().split("\n", 1)[1])))
        self.assertEqual(max(float(row["gauge:queued"]) for row in rows), 78000)

    def test_a_series_of_another_monitor_is_explained(self):
        def series(name, value):
            path = self.path(name + ".csv")
            with open(path, "w", encoding="utf-8") as out:
                out.writelines("%g,%d\n" % (second, value(second)) for second in range(300))
            return spillmark("report", path)
        leaks = series("leaks", lambda t: 5e7 + 2e4 * t + 1e4 * (t % 7))
        self.assertEqual(leaks.status, 1, leaks.out + leaks.err)
        self.assertIn("The series is growing: by 20.0 KB/s (99 % sure of ",
                      " ".join(leaks.out.split()))
        flat = series("flat", lambda t: 5e7 + 1e4 * (t % 7))
        self.assertEqual(flat.status, 0, flat.out + flat.err)
        self.assertIn("The series is bounded, by 50.1 MB. What decided it: ",
                      " ".join(flat.out.split()))
        fills = series("fills", lambda t: 5e7 + 9e6 * (1 - .5 ** (t / 150)) + 1e4 * (t % 7))
        self.assertEqual(fills.status, 4, fills.out + fills.err)
        self.assertIn("What would settle it: ", " ".join(fills.out.split()))

    def test_the_ledger_as_csv_adds_up(self):
        _, data = self.rendered(self.record("bounded"), "csv-ledger")
        units = {row["what"]: int(row["units"])
                 for row in csv.DictReader(io.StringIO(data.decode()))}
        self.assertEqual(units, {name: value for name, value in
                                 self.report(self.record("bounded"))["ledger"].items()
                                 if name in units})
        self.assertEqual(units["accepted"], units["delivered"] + units["dropped"]
                         + units["in_flight"] + units["unaccounted"])

    def test_the_schema_describes_every_field(self):
        with open(SCHEMA) as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(strict(schema))
        for run in [self.known(), *map(self.record, KINDS)]:
            errors = [f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
                      for error in validator.iter_errors(self.report(run))]
            self.assertEqual(errors, [])
        wrong = self.report(self.record("backlog"))
        wrong["series"]["heap"]["verdict"] = "fine"
        self.assertFalse(validator.is_valid(wrong))

    def test_a_report_on_standard_output_is_the_one_in_the_file(self):
        for format in FORMATS:
            _, data = self.rendered(self.record("backlog"), format)
            again = subprocess.run([os.environ["SPILLMARK"], "report", self.record("backlog"),
                                    "--format", format], cwd=self.dir, stdout=subprocess.PIPE,
                                   check=False)
            self.assertEqual(again.stdout, data, format)
        wrong = spillmark("report", self.record("backlog"), "--format", "sarrif")
        self.assert_one_line(wrong, 2, "did you mean sarif?")


if __name__ == "__main__":
    main()
