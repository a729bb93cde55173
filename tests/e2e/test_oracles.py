"""What the probe says, held against gperftools' heap profiler on the same program, and against
the program's own source; and what is left of a program that was killed."""
import collections
import glob
import os
import re
import signal
import sqlite3
import subprocess

from spillmark import BIN, Case, main, spillmark, wait_for

PROGRAM = os.environ["KNOWN_SITES"]
TCMALLOC = os.environ["TCMALLOC"]
SITES = {"small_site": (5000, 40), "half_freed_site": (2000, 200), "recursive_site": (300, 1000),
         "grown_site": (50, 5000), "aligned_site": (70, 640)}


def usable(request_bytes):
    return max(24, ((request_bytes + 8 + 15) & ~15) - 8)


def spillmark_stacks(run, program):
    """{frames within the program: [live objects, live bytes]} at the end, and its functions."""
    db = sqlite3.connect(f"file:{run}/run.db?mode=ro", uri=True)
    modules = {row[0] for row in db.execute("select id from module where path = ?", (program,))}
    frames = collections.defaultdict(list)
    for stack, module, address in db.execute(
            "select stack_id, module_id, address from frame order by stack_id, depth"):
        if module in modules:
            frames[stack].append(address)
    names = {}
    for module, address, function in db.execute(
            "select module_id, address, function from symbol where inline_depth = 0"):
        if module in modules:
            names[address] = function
    live = collections.defaultdict(lambda: [0, 0])
    last = {}
    for row in db.execute("select process_id, stack_id, alloc_count - free_count,"
                          " alloc_bytes - free_bytes from site_sample where kind = 0"
                          " order by t_ns"):
        last[row[:2]] = row[2:]
    for (_, stack), (count, size) in last.items():
        if frames[stack]:
            live[tuple(frames[stack])][0] += round(count)
            live[tuple(frames[stack])][1] += round(size)
    return {stack: tuple(value) for stack, value in live.items() if value[0]}, names


def gperftools_stacks(profile, program):
    """The same from a heap profile: absolute return addresses, then /proc/self/maps."""
    with open(profile) as file:
        text = file.read()
    stacks, maps = text.split("MAPPED_LIBRARIES:")
    ranges = [(int(low, 16), int(high, 16), int(offset, 16)) for low, high, offset, path in
              re.findall(r"^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \d+\s+(.*)$", maps, re.M)
              if path == program]
    base = min(low - offset for low, _, offset in ranges)
    top = max(high for _, high, _ in ranges)
    live = collections.defaultdict(lambda: [0, 0])
    for count, size, addresses in re.findall(
            r"^\s*(\d+):\s*(\d+) \[\s*\d+:\s*\d+\] @ (.*)$", stacks, re.M):
        frames = tuple(address - base for address in
                       (int(text, 16) for text in addresses.split()) if base <= address < top)
        if frames and int(count):
            live[frames][0] += int(count)
            live[frames][1] += int(size)
    return {stack: tuple(value) for stack, value in live.items()}


class Oracles(Case):
    def check_sites(self, live, names):
        by_function = collections.Counter()
        size = collections.Counter()
        for stack, (count, held) in live.items():
            by_function[names.get(stack[0])] += count
            size[names.get(stack[0])] += held
        for function, (count, request) in SITES.items():
            self.assertEqual(by_function[function], count, function)
            self.assertAlmostEqual(size[function], count * usable(request), delta=count * 64
                                   if function == "aligned_site" else 0, msg=function)

    def test_stacks_agree_with_gperftools(self):
        result = spillmark("probe", "--sample-bytes", "1", "-o", self.path("run"), "--", PROGRAM)
        self.assertIn(result.status, (0, 4), result.err)
        ours, names = spillmark_stacks(self.path("run"), PROGRAM)
        self.check_sites(ours, names)
        env = dict(os.environ, LD_PRELOAD=TCMALLOC, HEAPPROFILE=self.path("heap"))
        subprocess.run([PROGRAM], env=env, check=True, capture_output=True)
        profiles = sorted(glob.glob(self.path("heap.*.heap")))
        theirs = gperftools_stacks(profiles[-1], PROGRAM)
        self.assertEqual({stack: count for stack, (count, _) in ours.items()},
                         {stack: count for stack, (count, _) in theirs.items()})
        for stack, (count, requested) in theirs.items():
            self.assertGreaterEqual(ours[stack][1], requested)
            self.assertLess(ours[stack][1], requested + count * 72)

    def test_a_killed_program_leaves_everything(self):
        process = subprocess.Popen([BIN, "probe", "--sample-bytes", "1", "-o", self.path("run"),
                                    "--", PROGRAM, "wait"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        target = wait_for(lambda: [int(pid) for pid in filter(str.isdigit, os.listdir("/proc"))
                                   if self.is_target(pid)], "the target runs")[0]
        os.kill(target, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        self.assertIn("Killed", err)
        live, names = spillmark_stacks(self.path("run"), PROGRAM)
        self.check_sites(live, names)
        report = self.report(self.path("run"))
        kept = sum(count * usable(request) for count, request in SITES.values())
        self.assertGreaterEqual(report["series"]["heap"]["peak"], kept)
        self.assertTrue(report["complete"])

    @staticmethod
    def is_target(pid):
        try:
            return os.readlink(f"/proc/{pid}/exe") == PROGRAM
        except OSError:
            return False


if __name__ == "__main__":
    main()
