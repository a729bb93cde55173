"""An installation as another project uses it: the program, the header by pkg-config and by CMake,
memory tests in CTest; and the Debian packages in a root that has nothing else."""
import glob
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import Case, main  # noqa: E402

BUILD = os.environ["SPILLMARK_BUILD_DIR"]

MARKING = r"""
#include <spillmark_mark.h>
#include <stdlib.h>
#include <string.h>
SPILLMARK_MARK(queue, "queue");
int main(int argc, char **argv) {
    size_t megabytes = argc > 1 ? (size_t)atol(argv[1]) : 1;
    char *held = malloc(megabytes << 20);
    if (!held)
        return 9;
    memset(held, 1, megabytes << 20);
    spillmark_mark_add(&queue, megabytes << 20, 1);
    free(held);
    return argc > 2 ? atoi(argv[2]) : 0;
}
"""
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(mine C)
enable_testing()
find_package(spillmark 0.1 REQUIRED)
add_executable(holder holder.c)
target_link_libraries(holder PRIVATE spillmark::mark)
spillmark_add_test(NAME within LIMITS heap_peak=8MB fds_peak=20 OUTPUT within COMMAND holder 4)
spillmark_add_test(NAME beyond BUDGET budget COMMAND holder 40)
spillmark_add_test(NAME fails LIMITS heap_peak=8MB COMMAND holder 1 7)
spillmark_add_test(NAME unsettled LIMITS heap=bounded COMMAND holder 1)
spillmark_add_test(NAME skipped LIMITS heap=bounded SKIP_INCONCLUSIVE COMMAND holder 1)
"""


class Install(Case):
    def run_in(self, cwd, *command, status=0, env=None, timeout_s=200):
        result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False,
                                timeout=timeout_s, env={**os.environ, **(env or {})})
        if status is not None:
            self.assertEqual(result.returncode, status,
                             f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-3000:]}")
        return result

    def test_another_project(self):
        prefix = self.path("usr")
        self.run_in(self.dir, "cmake", "--install", BUILD, "--prefix", prefix)
        self.write("holder.c", MARKING)
        self.write("budget", "heap_peak = 8MB\n")
        self.write("CMakeLists.txt", PROJECT)
        # pkg-config, for those who build otherwise
        env = {"PKG_CONFIG_PATH": f"{prefix}/share/pkgconfig"}
        flags = self.run_in(self.dir, "pkg-config", "--cflags", "--libs", "spillmark-mark",
                            env=env).stdout.split()
        self.run_in(self.dir, "cc", "holder.c", *flags, "-o", "holder")
        self.run_in(self.dir, f"{prefix}/bin/spillmark", "probe", "-o", "run", "--limit",
                             "heap_peak=2MB", "--", "./holder", "3", status=1)
        record = self.run_in(self.dir, "sqlite3", "run/run.db",
                             "select max(coalesce(high, value)) from sample join series on series.id = series_id "
                             "where name = 'mark:queue'").stdout
        self.assertEqual(float(record), 3 << 20)
        # CMake
        self.run_in(self.dir, "cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}")
        self.run_in(self.dir, "cmake", "--build", "build")
        self.run_in(self.path("build"), "ctest", "--output-junit", "out.xml", status=8)
        cases = {case.get("name"): case for case in xml.etree.ElementTree.parse(
            self.path("build/out.xml")).getroot().iter("testcase")}
        for name, words in (("within", "PASS"), ("beyond", "the limit is 8.00 MB"),
                            ("fails", "the command failed: exit status 7"),
                            ("unsettled", "INCONCLUSIVE"), ("skipped", "INCONCLUSIVE")):
            self.assertIn(words, cases[name].findtext("system-out"))
        self.assertEqual({name: case.get("status") for name, case in cases.items()}, {"within": "run", "beyond": "fail", "fails": "fail",
                                    "unsettled": "fail", "skipped": "notrun"})
        for output in ("within", "spillmark-runs/beyond"):
            self.assertTrue(os.path.exists(self.path("build", output, "run.db")))
        # Again: a test that is run twice takes the place of its first run.
        self.run_in(self.path("build"), "ctest", "-R", "within")
        # What is installed beside the program
        for file in ("share/man/man1/spillmark.1", "share/bash-completion/completions/spillmark",
                     "share/zsh/vendor-completions/_spillmark",
                     "share/fish/vendor_completions.d/spillmark.fish",
                     "share/spillmark/report.schema.json"):
            self.assertGreater(os.path.getsize(os.path.join(prefix, file)), 500, file)

    def test_packages_in_a_clean_root(self):
        self.run_in(self.dir, "cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-G", "DEB", "-B",
                    self.path("packages"))
        packages = glob.glob(self.path("packages", "*.deb"))
        self.assertEqual(sorted(os.path.basename(path).split("_")[0] for path in packages),
                         ["spillmark", "spillmark-scenarios"])
        mirror = self.run_in("/", "apt-get", "indextargets", "--format", "$(REPO_URI)",
                             "Created-By: Packages").stdout.split()[0]
        # All that is looked at happens in the root, which goes again before the command ends.
        script = self.write("use", r"""#!/bin/sh
set -eu
cd /tmp
apt-get install -y --no-install-recommends /tmp/*.deb >/dev/null
dpkg -L spillmark | grep -q man1/spillmark.1
spillmark --version
spillmark list | grep -q log-batcher/slow-disk
spillmark probe -o small --limit heap_peak=64MB -- sh -c 'exit 0' 2>report
grep PASS report
status=0
spillmark run log-batcher/slow-disk -p build=before --time-scale 0.05 -o run >report || status=$?
grep -q LEDGER report || { cat report; exit 1; }
test $status = 1 || test $status = 4
spillmark report run --format pprof -o run.pprof || test $? = $status
apt-get remove -y spillmark >/dev/null
test ! -e /usr/lib/spillmark/libspillmark-probe.so
echo all done
""")
        os.chmod(script, 0o755)
        copies = [argument for path in [*packages, script]
                  for argument in ("--customize-hook", f"copy-in {path} /tmp")]
        result = self.run_in(self.dir, "mmdebstrap", "--quiet", "--variant=apt", *copies,
                             "--customize-hook", 'chroot "$1" /tmp/use', "--format=null",
                             "bookworm", "-", mirror, env={"TMPDIR": "/tmp"}, timeout_s=500)
        self.assertIn("all done", result.stdout + result.stderr)
        self.assertIn("PASS", result.stdout + result.stderr)


if __name__ == "__main__":
    assert shutil.which("mmdebstrap"), "mmdebstrap is missing: harness/setup test"
    main()
