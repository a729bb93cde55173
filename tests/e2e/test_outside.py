"""Programs that the probe cannot see into: one line before the start says what will be missing, they
run as they would alone, and are sampled from outside. Below a program that it can see into, too."""
import json
import os
import shutil
import subprocess

from spillmark import Case, main, spillmark

GROWING = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 10; i++) {
        char *kept = malloc(1000000);
        if (kept == NULL) return 1;
        memset(kept, 1, 1000000);
        usleep(100000);
    }
    puts("done");
    return 0;
}
"""
# Sleeps a second by the system calls of 32-bit programs: no 32-bit libraries are needed.
SLEEPING_32 = """
.globl _start
.data
pause: .long 1, 0
.text
_start: mov $162, %eax
        mov $pause, %ebx
        xor %ecx, %ecx
        int $0x80
        mov $1, %eax
        xor %ebx, %ebx
        int $0x80
"""
GO = """package main
import ("fmt"; "time")
var kept [][]byte
func main() {
    for i := 0; i < 10; i++ {
        block := make([]byte, 1000000)
        for j := range block { block[j] = 1 }
        kept = append(kept, block)
        time.Sleep(100 * time.Millisecond)
    }
    fmt.Println("done")
}
"""


class Outside(Case):
    def build(self, *command, source=GROWING, name="grow.c"):
        if not shutil.which(command[0]):
            self.skipTest(f"{command[0]} is not installed")
        self.write(name, source)
        subprocess.run([*command, "-o", self.path("program"), self.path(name)], check=True,
                       cwd=self.dir, capture_output=True,
                       env={**os.environ, "GOCACHE": self.path("cache"), "GOFLAGS": "-p=2"})
        return self.path("program")

    def check(self, program, *words, grows=True):
        result = spillmark("probe", "-o", self.path("run"), "--", program)
        told = [line for line in result.err.splitlines() if line.startswith("spillmark: ")]
        self.assertEqual(len(told), 1, result.err)
        for word in (*words, "no live heap", "sites"):
            self.assertIn(word, told[0])
        self.assertEqual(result.err.splitlines()[0], told[0])
        self.assertNotIn("ld.so", result.err)
        self.assertEqual(result.out, "done\n" if grows else "")
        report = json.loads(spillmark("report", self.path("run"), "--format", "json").out)
        self.assertNotIn("heap", report["series"])
        peak = report["series"]["rss"]["peak"]
        self.assertGreater(peak, 9e6 if grows else 0)
        self.assertEqual(report["processes"][0]["exit"], "exit 0")

    def test_static(self):
        self.check(self.build("cc", "-static"), "static program")

    def test_static_pie(self):
        self.check(self.build("cc", "-static-pie"), "static program")

    def test_musl(self):
        self.check(self.build("musl-gcc"), "musl")

    def test_go(self):
        self.check(self.build("go", "build", source=GO, name="grow.go"), "Go program")

    def test_setuid(self):
        program = self.build("cc")
        if os.geteuid() != 0:
            self.skipTest("only root can make a program setuid to another user")
        os.chown(program, 65534, 65534)
        os.chmod(program, 0o4755)
        self.check(program, "setuid")

    def test_32_bit(self):
        program = self.build("cc", "-m32", "-nostdlib", "-static", source=SLEEPING_32, name="p.s")
        self.check(program, "word size", grows=False)

    def test_a_static_child_is_told(self):
        """It lives for a second only; its parent is seen from inside."""
        program = self.build("cc", "-static")
        spillmark("probe", "-o", self.path("run"), "--", "sh", "-c", f"{program}; true")
        parent, child = self.report(self.path("run"))["processes"]
        self.assertEqual(parent["probe"], "on")
        self.assertIn("static program", child["probe"])
        self.assertNotIn("heap", child["series"])
        self.assertGreater(child["series"]["rss"]["peak"], 9e6)

    def test_a_child_linked_to_musl_lives(self):
        """The child inherits the preload, and must start all the same."""
        program = self.build("musl-gcc")
        result = spillmark("probe", "-o", self.path("run"), "--", "sh", "-c", f"{program}; echo $?")
        self.assertEqual(result.out, "done\n0\n", result.err)
        self.assertNotIn("relocating", result.err)


if __name__ == "__main__":
    main()
