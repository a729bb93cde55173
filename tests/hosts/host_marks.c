/* host_marks.c - a program that declares its work; runs without the probe as well. */
#include <pthread.h>
#include <string.h>

#include "../../probes/spillmark_mark.h"
#include "pool_view.h"

SPILLMARK_MARK(queue, "queue");

static void *work(void *argument) {
    for (int i = 0; i < 10000; i++) {
        spillmark_mark_add(&queue, 100, 1);
        if (i % 2 == 0) {
            spillmark_mark_sub(&queue, 100, 1);
        }
    }
    return argument;
}

int main(int argc, char **argv) {
    pthread_t threads[4];
    (void)argv;
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, work, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    if (argc > 1) {
        return spillmark_mark_change == NULL ? 0 : 1; /* without the probe */
    }
    const struct spillmark_mark *marks = view_entries(host_slot(), SPILLMARK_SECTION_MARKS);
    int64_t bytes = 0, count = 0;
    uint64_t added = 0;
    for (int i = 0; i < 256; i++) {
        if (marks[i].ready && strcmp(marks[i].name, "queue") == 0) {
            bytes += marks[i].bytes;
            count += marks[i].count;
            added += marks[i].added;
            HOST_CHECK(marks[i].count_high >= marks[i].count);
        }
    }
    HOST_CHECK(bytes == 2000000 && count == 20000 && added == 40000);
    return 0;
}
