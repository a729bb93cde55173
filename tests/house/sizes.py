"""How long files and functions are, read from the source: what unit.house holds and
tests/measures prints."""
import math
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("probes", "reports", "harness", "scenarios", "tests")


def sources(folder):
    for path, _, names in os.walk(os.path.join(ROOT, folder)):
        for name in sorted(names):
            if name.endswith((".c", ".h", ".cc", ".cpp")):
                yield os.path.join(path, name)


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def functions(lines):
    """(name, first line, lines) of every function: from the line that names it to the brace alone
    in the first column. A declaration ends at its semicolon."""
    begin = name = None
    is_open = False
    for number, line in enumerate(lines, 1):
        match = re.match(r"[A-Za-z_][^=(;]*?\b(\w+)\(", line)
        if match and begin is None and not line.startswith("#"):
            begin, name, is_open = number, match.group(1), False
        if begin is None:
            continue
        if line.endswith("{"):
            is_open = True
        if line == "}" and is_open:
            yield name, begin, number - begin + 1
        if line == "}" or (not is_open and line.endswith(";")):
            begin = None


def spread(lengths):
    """(median, 90th percentile, longest): the value at that rank, none in between."""
    ordered = sorted(lengths)
    return tuple(ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.5, 0.9, 1))


def of_folder(folder):
    """The lengths of a folder's files and of its functions."""
    texts = [lines_of(path) for path in sources(folder)]
    return ([len(lines) for lines in texts],
            [length for lines in texts for _, _, length in functions(lines)])
