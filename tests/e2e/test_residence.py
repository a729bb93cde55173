"""Who frees what a site allocated, and after how long, over the run: a queue whose consumer becomes
slower, seen from inside only, for nobody counts the load."""
import shutil
import subprocess

from spillmark import Case, main, spillmark

# For FAST_S seconds each message is freed 40 ms after it came; then half of what comes.
SOURCE = """
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
enum { MESSAGES = 100000, BYTES = 2000, PER_S = 500 };
static const double fast_s = 8, total_s = 30;
static struct { char *block; double came_s; } queue[MESSAGES];
static _Atomic long head, tail;
static double start_s;
static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9 - start_s;
}
static __attribute__((noinline)) void receive_message(void) {
    queue[head].block = memset(malloc(BYTES), 1, BYTES);
    queue[head].came_s = now_s();
    head++;
}
static __attribute__((noinline)) void write_message(void) {
    free(queue[tail].block);
    tail++;
}
static int may_write(void) {
    double t = now_s();
    return tail < head && t - queue[tail].came_s >= .04 &&
           (t < fast_s || tail < PER_S * fast_s + PER_S / 2 * (t - fast_s));
}
static void *consume(void *argument) {
    for (;;) {
        if (may_write()) write_message(); else usleep(500);
    }
    return argument;
}
int main(void) {
    pthread_t consumer;
    start_s = now_s();
    pthread_create(&consumer, NULL, consume, NULL);
    while (now_s() < total_s) {
        while (head < PER_S * now_s()) receive_message();
        usleep(1000);
    }
    _exit(0);
}
"""


class Residence(Case):
    def test_a_consumer_becomes_slower(self):
        if not shutil.which("cc"):
            self.skipTest("cc is not installed")
        self.write("queue.c", SOURCE)
        subprocess.run(["cc", "-g", "-O1", "-fno-builtin", "-pthread", "-o", self.path("queue"),
                        self.path("queue.c")], check=True)
        result = spillmark("probe", "--sample-bytes", "4KB", "-o", self.path("run"), "--",
                           self.path("queue"))
        report = self.report(self.path("run"))
        cause = report["causes"][0]
        self.assertEqual(cause["kind"], "backlog", result.err)
        self.assertEqual(cause["site"][0]["function"], "receive_message")
        self.assertEqual(cause["freed_by"][0]["function"], "write_message")
        stay = cause["residence_s"]
        self.assertTrue(.03 < stay["before"] < .1, stay)
        # In the last seconds what is freed came four to ten seconds before.
        self.assertTrue(3 < stay["now"] < 12, stay)
        told = " ".join(result.err.split())
        self.assertIn("freed, but ever later", told)
        self.assertIn("freed by write_message", told)


if __name__ == "__main__":
    main()
