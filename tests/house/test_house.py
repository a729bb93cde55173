"""The architecture, held: which folder may use which, how long files and functions may be."""
import os
import re
import sys
import unittest

from sizes import FOLDERS, ROOT, functions, lines_of, sources

# Who may include what of the other folders. tests may use everything.
MAY_USE = {
    "probes": {},
    "reports": {},
    "harness": {"reports": r".*", "probes": r"(spillmark_abi|pool_layout|injection)\.h"},
    "scenarios": {"probes": r"spillmark_mark\.h"},
}
# Only the reader of the pool knows the shared memory.
READS_THE_ABI = r"(pool|sampler)[a-z_]*\.[ch]"
FILE_LINES = 600
FUNCTION_LINES = {"probes": 40}
FUNCTION_LINES_ELSEWHERE = 60
# Pure tables in the form of a switch: one line or two for each entry.
TABLES = {"probes/cfi.c: extended"}


class Arrows(unittest.TestCase):
    def test_includes_go_one_way(self):
        for folder, allowed in MAY_USE.items():
            for path in sources(folder):
                for line in lines_of(path):
                    match = re.match(r'\s*#\s*include\s+"((?:\.\./)*)([^"]+)"', line)
                    if not match:
                        continue
                    target = os.path.normpath(os.path.join(os.path.dirname(path),
                                                           match.group(1) + match.group(2)))
                    other = os.path.relpath(target, ROOT).split(os.sep)[0]
                    if not os.path.exists(target):  # found by an include directory
                        other = next((f for f in FOLDERS if os.path.exists(
                            os.path.join(ROOT, f, match.group(2)))), folder)
                    if other == folder:
                        continue
                    self.assertIn(other, allowed, f"{path}: {line}")
                    self.assertRegex(os.path.basename(target), "^" + allowed[other] + "$",
                                     f"{path}: {line}")

    def test_only_the_pool_and_the_sampler_read_the_shared_memory(self):
        for path in sources("harness"):
            if any("spillmark_abi.h" in line and "#include" in line for line in lines_of(path)):
                self.assertRegex(os.path.basename(path), "^" + READS_THE_ABI + "$")

    def test_reports_link_neither_harness_nor_load(self):
        with open(os.path.join(ROOT, "reports", "CMakeLists.txt"), encoding="utf-8") as file:
            text = file.read()
        for word in ("spillmark-harness", "CURL", "SECCOMP", "LUA"):
            self.assertNotIn(word, text)

    def test_the_top_level_is_the_architecture(self):
        # What a build or a run leaves is not listed; an archive without git has only the rest.
        left = re.compile(r"build.*|spillmark-runs|.*\.pool")
        shown = {name for name in os.listdir(ROOT)
                 if not name.startswith(".") and not left.fullmatch(name)}
        self.assertEqual(shown, {"CMakeLists.txt", "LICENSE", "README.md", *FOLDERS})


class Sizes(unittest.TestCase):
    def test_files_and_functions_fit(self):
        long_ones = []
        for folder in FOLDERS:
            most = FUNCTION_LINES.get(folder, FUNCTION_LINES_ELSEWHERE)
            for path in sources(folder):
                lines = lines_of(path)
                name = os.path.relpath(path, ROOT)
                if len(lines) > FILE_LINES:
                    long_ones.append(f"{name}: {len(lines)} lines")
                for function, begin, length in functions(lines):
                    if length > most and f"{name}: {function}" not in TABLES:
                        long_ones.append(f"{name}:{begin}: {function} has {length} lines")
        self.assertEqual(long_ones, [])


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
