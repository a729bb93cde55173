"""The probe without a harness: a program preloaded with it writes a file of its own, which `spillmark
report` reads while the program runs, and after it was killed."""
import glob
import os
import shutil
import signal
import subprocess

from spillmark import Case, main, spillmark, wait_for

PROBE = os.environ["SPILLMARK_PROBE"]
SOURCE = """
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static __attribute__((noinline)) void *kept_in_parent(void) { return malloc(10000); }
static __attribute__((noinline)) void *kept_in_child(void) { return malloc(3000); }
int main(void) { int null = open("/dev/null", O_RDONLY); if (null < 0) return 1;
    int is_child = fork() == 0;
    for (int i = 0; i < 100; i++) {
        void *kept = is_child ? kept_in_child() : kept_in_parent();
        if (kept == NULL) return 1;
    }
    puts("ready");
    fflush(stdout);
    pause();
    return 0;
}
"""
# What glibc's malloc_usable_size says of the two sizes.
PARENT_BYTES, CHILD_BYTES = 10008, 3000


class Alone(Case):
    def start(self):
        if not shutil.which("cc"):
            self.skipTest("cc is not installed")
        self.write("kept.c", SOURCE)
        subprocess.run(["cc", "-g", "-O1", "-fno-builtin", "-o", self.path("kept"),
                        self.path("kept.c")], check=True)
        environment = {**os.environ, "LD_PRELOAD": PROBE, "SPILLMARK_SAMPLE_BYTES": "1"}
        process = subprocess.Popen([self.path("kept")], env=environment, cwd=self.dir, text=True,
                                   stdout=subprocess.PIPE, start_new_session=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(self.kill, process.pid)
        self.assertEqual([process.stdout.readline() for _ in range(2)], ["ready\n"] * 2)
        return process

    @staticmethod
    def kill(group):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def check(self, pool, end):
        report = self.report(pool)
        sites = {site["site"][0]["function"]: site for site in report["sites"]}
        for function, size, line in (("kept_in_parent", PARENT_BYTES, 6),
                                     ("kept_in_child", CHILD_BYTES, 7)):
            site = sites[function]
            self.assertEqual((site["live_count"], site["live_bytes"]), (100, 100 * size), site)
            self.assertEqual(site["site"][0]["line"], line)
        self.assertEqual([process["exit"] for process in report["processes"]], [end] * 2)
        for process, size in zip(report["processes"], (PARENT_BYTES, CHILD_BYTES)):
            held = process["series"]["heap"]["end"]
            self.assertTrue(100 * size <= held < 100 * size + 8192, process)
        return report

    def test_during_the_run_and_after_it(self):
        process = self.start()
        pools = glob.glob(self.path("*.pool"))
        self.assertEqual(pools, [self.path(f"spillmark-probe.{process.pid}.pool")])
        report = self.check(pools[0], "")
        text = " ".join(spillmark("report", pools[0]).out.split())
        self.assertIn("running at the end", text)
        self.assertIn("what the probe alone tells of one moment", text)
        # Inherited by the child, which holds it too.
        self.assertRegex(text, r"2 open descriptors main kept\.c:8")
        child = report["processes"][1]["pid"]
        self.assertEqual(report["processes"][1]["parent_pid"], process.pid)
        self.kill(process.pid)
        process.wait()
        wait_for(lambda: not os.path.exists(f"/proc/{child}/maps") or
                 not self.maps(child), "the child is gone")
        self.check(pools[0], "ended")

    @staticmethod
    def maps(pid):
        try:
            with open(f"/proc/{pid}/maps") as file:
                return file.read()
        except OSError:
            return ""


if __name__ == "__main__":
    main()
