"""The architecture, held: which folder may use which, how long files and functions may be."""
import glob
import os
import re
import sys
import unittest

from sizes import FOLDERS, ROOT, functions, lines_of, of_folder, sources, spread

# Who may include what of the other folders. tests may use everything.
MAY_USE = {
    "probes": {},
    "reports": {},
    "harness": {"reports": r".*", "probes": r"(spillmark_abi|pool_layout|injection)\.h"},
    "scenarios": {"probes": r"spillmark_mark\.h"},
}
# Who may be linked with targets of which other folders; and libraries that would be a way around it.
MAY_LINK = {"probes": (), "reports": (), "harness": ("reports",), "scenarios": ()}
NEVER_LINKED = {"reports": ("CURL", "SECCOMP", "LUA", "FUSE", "NGHTTP2"), "probes": ("PkgConfig",)}
# Only the reader of the pool knows the shared memory.
READS_THE_ABI = r"(pool|sampler)[a-z_]*\.[ch]"
FILE_LINES = 600
FILE_LINES_OF_MOST, FUNCTION_LINES_OF_MOST = 300, 30  # of nine in ten
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

    def test_libraries_are_linked_one_way(self):
        # From the link lines of CMake: what each folder makes, and what its targets are linked with.
        makes, links = {}, []
        for path in sorted(glob.glob(os.path.join(ROOT, "**", "CMakeLists.txt"), recursive=True)):
            folder = os.path.relpath(path, ROOT).split(os.sep)[0]
            if folder not in MAY_LINK:
                continue
            text = re.sub(r"#.*", "", "\n".join(lines_of(path)))
            for target in re.findall(r"add_(?:library|executable)\(\s*([\w-]+)", text):
                makes[target] = folder
            for call in re.findall(r"target_link_libraries\(([^)]*)\)", text):
                target, *used = re.sub(r"\b(PUBLIC|PRIVATE|INTERFACE)\b", "", call).split()
                links += [(folder, target, name) for name in used]
        self.assertGreater(len(links), 30)
        for folder, target, name in links:
            other = makes.get(name, folder)
            self.assertIn(other, (folder, *MAY_LINK[folder]), f"{target} is linked with {name}")
            for word in NEVER_LINKED.get(folder, ()):
                self.assertNotIn(word, name, f"{target} is linked with {name}")

    def test_the_ways_through_the_code_exist(self):
        path = os.path.join(ROOT, "harness", "docs", "architecture.md")
        steps = re.findall(r"^\| `([\w/]+/[\w.]+)` \| `(\w+)` \|", "\n".join(lines_of(path)), re.M)
        self.assertGreater(len(steps), 30)
        for file, function in steps:
            text = "\n".join(lines_of(os.path.join(ROOT, file)))
            self.assertRegex(text, rf"(?m)^[a-zA-Z].*\b{function}\(", f"{function} is not in {file}")

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

    def test_most_files_and_functions_are_short(self):
        for folder in FOLDERS:
            files, functions_ = of_folder(folder)
            for lengths, most, what in ((files, FILE_LINES_OF_MOST, "file"),
                                        (functions_, FUNCTION_LINES_OF_MOST, "function")):
                self.assertLessEqual(spread(lengths)[1], most, f"{folder}: one {what} in ten")


class Headers(unittest.TestCase):
    def test_each_says_what_it_is_for_and_names_its_parameters(self):
        for folder in ("probes", "reports", "harness", "scenarios"):
            for path in sources(folder):
                if not path.endswith(".h"):
                    continue
                lines = lines_of(path)
                self.assertTrue(lines[0].startswith(f"/* {os.path.basename(path)} - "), path)
                self.assertRegex("\n".join(lines), r"(?m)^#(pragma once|ifndef)", path)
                for line in lines:
                    declared = re.match(r"[a-z][\w *]*[ *]\w+\((.*)\);", line)
                    for parameter in declared.group(1).split(",") if declared else ():
                        self.assertNotRegex(
                            parameter.strip(),
                            r"^(const )?((unsigned )?(int|char|long)|double|bool|\w+_t|struct \w+)"
                            r"( \*+)?$", f"{path}: {line}")


class Documents(unittest.TestCase):
    def documents(self):
        for top, folders, files in os.walk(ROOT):
            folders[:] = [name for name in folders if name not in ("node_modules", ".git")
                          and not name.startswith("build")]
            for name in files:
                if name.endswith(".md"):
                    path = os.path.join(top, name)
                    with open(path, encoding="utf-8") as file:
                        yield path, file.read()

    def test_links_lead_somewhere(self):
        count = 0
        for path, text in self.documents():
            for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(?s)```.*?```", "", text)):
                if re.match(r"[a-z]+:", link):
                    continue
                file, _, anchor = link.partition("#")
                to = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
                self.assertTrue(os.path.exists(to), f"{path}: {link}")
                if anchor:
                    titles = re.findall(r"(?m)^#+ (.*)$", "\n".join(lines_of(to)))
                    self.assertIn(anchor, [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
                                           for title in titles], f"{path}: {link}")
                count += 1
        self.assertGreater(count, 40)

    def test_files_they_name_are_there(self):
        names = {name for folder in FOLDERS for _, _, files in
                 os.walk(os.path.join(ROOT, folder)) for name in files}
        count = 0
        for path, text in self.documents():
            for name in re.findall(r"`(?:[\w./-]+/)?(\w+\.(?:c|h|js|cmake))`", text):
                if "NAME" not in name:
                    self.assertIn(name, names, path)
                    count += 1
        self.assertGreater(count, 200)

    def test_commands_they_show_can_be_run(self):
        count = 0
        for path, text in self.documents():
            for name in re.findall(r"(?m)(?:^    |`)((?:tests|harness)/[\w/.-]+)(?= [\w-]|`? +#|$)", text):
                if os.path.isfile(os.path.join(ROOT, name)) and not name.endswith((".md", ".h", ".c")):
                    self.assertTrue(os.access(os.path.join(ROOT, name), os.X_OK), f"{path}: {name}")
                    count += 1
        self.assertGreater(count, 8)

    def test_every_folder_says_what_belongs_there(self):
        for folder in FOLDERS:
            self.assertTrue(os.path.exists(os.path.join(ROOT, folder, "README.md")), folder)


class Measures(unittest.TestCase):
    def test_the_last_measurement_found_nothing(self):
        with open(os.path.join(ROOT, "tests", "house", "measures.md"), encoding="utf-8") as file:
            text = file.read()
        parts = dict(re.findall(r"^## (.*)\n\n((?:\|.*\n)+)", text, re.M))
        rows = {title: [[cell.strip() for cell in line.strip("|").split("|")]
                        for line in table.splitlines()[2:]] for title, table in parts.items()}
        for title in ("Warnings", "clang-tidy", "cppcheck", "Sanitizers, of harness and reports"):
            self.assertGreater(len(rows[title]), 0)
            self.assertEqual({row[-1] for row in rows[title]}, {"none"}, title)
        shares = {row[0]: float(row[-1].split()[0]) for row in rows["Lines that the tests run"]}
        self.assertEqual(set(shares), {"harness", "reports"})
        self.assertGreater(min(shares.values()), 85)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
