"""What is seen of programs in each language and link that Debian packages: as much as is said in
README.md, and no less plainly where it is little."""
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import Case, main, spillmark  # noqa: E402

HELD = 40 << 20  # bytes that every program holds at its end, in blocks of 1 MiB

C = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
void *volatile held;
__attribute__((noinline)) static void hold(void) { held = memset(malloc(1 << 20), 1, 1 << 20); }
int main(void) {
    for (int i = 0; i < 40; i++) {
        hold();
        usleep(10000);
    }
    usleep(500000); /* full for many samples */
    return 0;
}
"""
# Two that map arenas; only one gives them back.
C_MAPS = r"""
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static void *arena(size_t bytes) {
    return memset(mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1,
                  bytes);
}
__attribute__((noinline)) static void remember(void) { arena(256 << 10); }
__attribute__((noinline)) static void borrow(void) {
    void *at = arena(512 << 10);
    usleep(1000);
    munmap(at, 512 << 10);
}
int main(void) {
    for (int i = 0; i < 300; i++) {
        remember();
        borrow();
        usleep(20000);
    }
    usleep(500000); /* as much as ever, for many samples */
    return 0;
}
"""
GO = """
package main

import "time"

var held [][]byte

func main() {
	for i := 0; i < 40; i++ {
		block := make([]byte, 1<<20)
		for j := range block {
			block[j] = 1
		}
		held = append(held, block)
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond)
}
"""
PYTHON = """
import time
big, small = [], []
for i in range(40):
    big.append(bytearray(1 << 20))
    small.append([float(j) for j in range(20000)])  # 24 bytes each, beside the list
    time.sleep(0.01)
"""
NODE = """
const big = [], small = [];
const timer = setInterval(() => {
    big.push(Buffer.alloc(1 << 20, 1));
    for (let j = 0; j < 20000; j++) small.push({ j });
    if (big.length == 40) clearInterval(timer);
}, 10);
"""

# Called often enough to be compiled; only then does it have a frame with a return address.
NODE_KEEPS = """
const kept = [];
function keepBuffers() { for (let i = 0; i < 5; i++) kept.push(Buffer.alloc(100000, 1)); }
function tick() {
    keepBuffers();
    if (kept.length < 2000) setImmediate(tick);
}
tick();
"""


class Languages(Case):
    def compiled(self, compiler, name, text, *options):
        source = self.write(name, text)
        subprocess.run([*compiler, *options, "-o", self.path("program"), source], check=True,
                       env={**os.environ, "GOCACHE": self.path("go"), "GOFLAGS": "-mod=mod"})
        return self.path("program")

    def probe(self, *command, limits=(), env=None):
        result = spillmark("probe", "-o", self.path("run"), "--replace", "--sample-bytes", 65536,
                           *(word for limit in limits for word in ("--limit", limit)), "--",
                           *command, env={**os.environ, **(env or {})})
        with sqlite3.connect(self.path("run", "run.db")) as record:
            peaks = dict(record.execute(
                "select name, max(coalesce(high, value)) from sample "
                "join series on series.id = series_id where process_id = 0 group by name"))
            probes = [row[0] for row in record.execute("select probe from process")]
        return result, peaks, probes

    def seen_from_outside_only(self, program, reason):
        result, peaks, probes = self.probe(program, limits=["heap_peak=1GB"])
        # Said before the start, in the record, and by the line that could not be judged.
        self.assertIn(reason, result.err.splitlines()[0])
        self.assertEqual(len(probes), 1)
        self.assertIn(reason, probes[0])
        self.assertEqual(result.status, 4, result.err)
        self.assertIn(reason, " ".join(result.err.split()))
        self.assertNotIn("heap", peaks)
        for series in ("rss", "fds", "threads", "cpu"):
            self.assertIn(series, peaks)
        self.assertGreater(peaks["rss"], 0.95 * HELD)  # less what no page was touched of
        result, _, _ = self.probe(program, limits=["rss_peak=20MB"])
        self.assertEqual(result.status, 1, result.err)
        result, _, _ = self.probe(program, limits=["rss_peak=1GB", "fds_peak=100"])
        self.assertEqual(result.status, 0, result.err)

    def test_c(self):
        program = self.compiled(["cc"], "hold.c", C, "-g", "-O1")
        result, peaks, probes = self.probe(program, limits=["heap_peak=1GB"])
        self.assertEqual((result.status, probes), (0, ["on"]), result.err)
        self.assertAlmostEqual(peaks["heap"] / HELD, 1, delta=0.01)
        # What it still held when it ended by itself.
        site = self.report(self.path("run"))["sites"][0]
        self.assertAlmostEqual(site["live_bytes"] / HELD, 1, delta=0.1)
        folded = spillmark("report", self.path("run"), "--format", "folded").out
        self.assertRegex(folded, r"main;hold [0-9]+\n")

    def test_c_that_maps(self):
        program = self.compiled(["cc"], "maps.c", C_MAPS, "-g", "-O1")
        result, peaks, _ = self.probe(program)
        self.assertEqual(result.status, 1, result.err)
        self.assertGreaterEqual(peaks["mapped"], 300 * (256 << 10))
        report = self.report(self.path("run"))
        causes = [cause for cause in report["causes"] if cause["kind"] == "mapping_growth"]
        self.assertEqual(len(causes), 1, report["causes"])
        functions = [frame["function"] for frame in causes[0]["site"]]
        self.assertIn("remember", functions)
        self.assertNotIn("borrow", functions)
        self.assertEqual([site["kind"] for site in causes[0]["sites"]], ["map"])
        self.assertNotIn("strace", causes[0]["advice"])
        # What went as it had come is known as well, with who gave it back.
        kept, given = (next(site for site in report["sites"] if site["kind"] == "map" and
                            name in [frame["function"] for frame in site["site"]])
                       for name in ("remember", "borrow"))
        self.assertEqual(kept["never_freed_bytes"], 300 * (256 << 10))
        self.assertEqual((given["never_freed_bytes"], kept["freed_by"]), (0, []))
        self.assertIn("borrow", [frame["function"] for frame in given["freed_by"]])
        for format in ("text", "markdown"):
            text = spillmark("report", self.path("run"), "--format", format).out
            self.assertRegex(text, r"(?i)mapped at[\s\S]*remember")

    def test_static(self):
        self.seen_from_outside_only(self.compiled(["cc"], "hold.c", C, "-static"),
                                    "static program")

    def test_musl(self):
        self.seen_from_outside_only(self.compiled(["musl-gcc"], "hold.c", C), "linked to musl")

    def test_go(self):
        self.seen_from_outside_only(self.compiled(["go", "build"], "hold.go", GO), "Go program")

    def test_python(self):
        script = self.write("hold.py", PYTHON)
        _, peaks, probes = self.probe("/usr/bin/python3", "-S", script)
        self.assertEqual(probes, ["on"])
        self.assertGreater(peaks["heap"], HELD)            # blocks above 512 bytes
        self.assertGreater(peaks["mapped"], 40 * 20000 * 24)  # small objects, in arenas
        self.assertLess(peaks["heap"], HELD + 15e6)
        _, peaks, _ = self.probe("/usr/bin/python3", "-S", script, env={"PYTHONMALLOC": "malloc"})
        self.assertGreater(peaks["heap"], HELD + 40 * 20000 * 24)
        self.assertLess(peaks["mapped"], 5e6)

    def test_node(self):
        _, peaks, probes = self.probe("node", self.write("hold.js", NODE))
        self.assertEqual(set(probes), {"on"})
        self.assertGreater(peaks["heap"], HELD)          # buffers and native objects
        self.assertLess(peaks["heap"], 2 * HELD)
        self.assertGreater(peaks["mapped"], 40 * 20000 * 16)  # JavaScript's own heap
        self.assertGreater(peaks["rss"], HELD)

    def test_node_names_its_functions(self):
        self.probe("node", "--perf-basic-prof", "--no-logfile-per-isolate",
                   "--logfile=/dev/null", self.write("keep.js", NODE_KEEPS))
        report = self.report(self.path("run"))
        for process in report["processes"]:
            if os.path.exists(f"/tmp/perf-{process['pid']}.map"):
                os.unlink(f"/tmp/perf-{process['pid']}.map")
        with sqlite3.connect(self.path("run", "run.db")) as record:
            names = [row[0] for row in record.execute(
                "select function from frame join symbol using (module_id, address) where stack_id ="
                " (select stack_id from site_sample where kind = 0"
                "  order by alloc_bytes desc limit 1)"
                " order by depth, inline_depth")]
        # From the allocation through the script's functions to the program's start.
        self.assertRegex(";".join(names), r"llocate.*;[^;]*keepBuffers [^;]*;.*;_start$")

    def test_java(self):
        _, peaks, probes = self.probe("java", "-XX:+UseSerialGC", "-Xms96m", "-Xmx96m",
                                      "-XX:+AlwaysPreTouch", "-version")
        self.assertIn("on", probes)
        self.assertGreater(peaks["heap"], 1e6)    # the virtual machine's own
        self.assertLess(peaks["heap"], 96 << 20)
        self.assertGreater(peaks["mapped"], 96 << 20)  # Java's heap is one mapping
        self.assertGreater(peaks["rss"], 96 << 20)


if __name__ == "__main__":
    main()
