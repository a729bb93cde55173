"""Completions in the shells they are for, and the manual page: all made from the table of verbs."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import BIN, Case, main, spillmark  # noqa: E402

VERBS = ("run", "probe", "report", "gate", "compare", "list", "doctor")

# zsh completes only interactively: a terminal of its own, and every match is told in a file.
ZSH = r"""
zmodload zsh/zpty
zpty c zsh -f -i
zpty -w c "fpath=($1 \$fpath); autoload -U compinit; compinit -D -u; PATH=$2:\$PATH"
zpty -w c 'compadd() {
    local -a matches
    [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return $? }
    builtin compadd -A matches "$@"
    (( $#matches )) && print -rl -- $matches >> '$4'
    builtin compadd "$@"
}'
zpty -w c "bindkey '^I' complete-word; finish() { print DO''NE }; print RE''ADY"
zpty -r -m c seen '*READY*'
zpty -w -n c "$3"$'\t\C-u'
zpty -w c finish
zpty -r -m c seen '*DONE*'
zpty -d c
"""


class Shells(Case):
    def setUp(self):
        super().setUp()
        self.env = {**os.environ, "HOME": self.dir, "TERM": "dumb",
                    "PATH": f"{os.path.dirname(os.path.abspath(BIN))}:{os.environ['PATH']}"}

    def shell(self, *command):
        result = subprocess.run(command, env=self.env, cwd=self.dir, capture_output=True,
                                text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""), command)
        return result.stdout.split("\n")

    def script(self, shell, name):
        result = spillmark("--completion", shell)
        self.assertEqual((result.status, result.err), (0, ""))
        return self.write(name, result.out)

    def bash(self, line):
        script = self.script("bash", "spillmark.bash")
        return self.shell("bash", "--norc", "-c", f"""source {script}
            COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            [[ '{line}' == *' ' ]] && {{ COMP_WORDS+=(''); COMP_CWORD=$((COMP_CWORD + 1)); }}
            compopt() {{ :; }}
            _spillmark; printf '%s\\n' "${{COMPREPLY[@]}}" """)[:-1]

    def fish(self, line):
        script = self.script("fish", "spillmark.fish")
        return [match.split("\t")[0] for match in self.shell(
            "fish", "--no-config", "-c", f'source {script}; complete -C "{line}"')[:-1]]

    def zsh(self, line):
        self.script("zsh", "_spillmark")
        hits = self.write("hits", "")
        self.shell("zsh", "-f", self.write("drive.zsh", ZSH), self.dir,
                   os.path.dirname(os.path.abspath(BIN)), line, hits)
        with open(hits) as file:
            return file.read().split("\n")[:-1]

    def test_each_shell_completes_verbs_options_and_values(self):
        for complete in (self.bash, self.fish, self.zsh):
            name = complete.__name__
            self.assertLessEqual(set(VERBS), set(complete("spillmark ")), name)
            self.assertEqual(complete("spillmark ga"), ["gate"], name)
            self.assertIn("--baseline", complete("spillmark gate --"), name)
            self.assertEqual(set(complete("spillmark report --format s")), {"sarif", "speedscope"},
                             name)
            self.assertIn("log-batcher/slow-disk", complete("spillmark run log-b"), name)
            self.assertEqual(set(complete("spillmark run --allocator ")),
                             {"glibc", "tcmalloc", "jemalloc"}, name)

    def test_an_unknown_shell_is_a_usage_error(self):
        self.assert_one_line(spillmark("--completion", "tcsh"), 2, "bash, zsh or fish")

    def test_the_manual_page_tells_every_verb_option_and_format(self):
        page = self.write("spillmark.1", spillmark("--manual").out)
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "error", page], capture_output=True,
                              text=True, check=False)
        self.assertEqual(lint.stdout, "")
        text = "\n".join(self.shell("mandoc", "-T", "utf8", "-O", "width=200", page))
        plain = "".join(c for i, c in enumerate(text)
                        if c != "\b" and (i + 1 == len(text) or text[i + 1] != "\b"))
        plain = plain.replace("‐", "-").replace("−", "-")
        for verb in VERBS:
            self.assertIn(f"spillmark {verb}", plain)
        for word in ("--baseline RUN", "-o, --output FILE", "openmetrics-history", "EXIT STATUS"):
            self.assertIn(word, plain)

    def test_help_tells_every_option(self):
        self.assertIn("--limit NAME=LIMIT", spillmark("probe", "--help").out)
        self.assertIn("speedscope", spillmark("report", "--help").out)
        self.assertIn("--tolerance PERCENT", spillmark("gate", "--help").out)


if __name__ == "__main__":
    main()
