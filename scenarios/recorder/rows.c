/* recorder-rows - counts the rows that every viewer showed, from what they wrote down: lines of a
 * first row and a number of rows, in the files *.rows of a directory. A row that was shown twice
 * counts once. Shares no code with the recorder. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span {
    uint64_t from, to; /* to is not part of it */
};

struct spans {
    struct span *list;
    size_t count, capacity;
};

static void fail(const char *path) {
    fprintf(stderr, "recorder-rows: %s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

static void add(struct spans *spans, struct span span) {
    if (spans->count == spans->capacity) {
        spans->capacity = spans->capacity ? 2 * spans->capacity : 1024;
        spans->list = reallocarray(spans->list, spans->capacity, sizeof *spans->list);
        if (!spans->list)
            fail("spans");
    }
    spans->list[spans->count++] = span;
}

static int by_begin(const void *a, const void *b) {
    const struct span *left = a, *right = b;
    return left->from < right->from ? -1 : left->from > right->from;
}

/* Sorts them and joins those that touch. */
static void join(struct spans *spans) {
    size_t used = 0;
    if (spans->count)
        qsort(spans->list, spans->count, sizeof *spans->list, by_begin);
    for (size_t i = 0; i < spans->count; i++) {
        struct span *last = used ? &spans->list[used - 1] : NULL;
        if (last && spans->list[i].from <= last->to)
            last->to = last->to > spans->list[i].to ? last->to : spans->list[i].to;
        else
            spans->list[used++] = spans->list[i];
    }
    spans->count = used;
}

static struct spans read_file(const char *directory, const char *name) {
    char path[4096];
    struct spans spans = {0};
    uint64_t first, count;
    char end;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (!file)
        fail(path);
    /* A line that is just being written has no end yet. */
    while (fscanf(file, "%" SCNu64 " %" SCNu64 "%c", &first, &count, &end) == 3)
        add(&spans, (struct span){first, first + count});
    fclose(file);
    join(&spans);
    return spans;
}

/* What is in both; both are given up. */
static struct spans meet(struct spans a, struct spans b) {
    struct spans both = {0};
    for (size_t i = 0, j = 0; i < a.count && j < b.count;) {
        uint64_t from = a.list[i].from > b.list[j].from ? a.list[i].from : b.list[j].from;
        uint64_t to = a.list[i].to < b.list[j].to ? a.list[i].to : b.list[j].to;
        if (from < to)
            add(&both, (struct span){from, to});
        if (a.list[i].to < b.list[j].to)
            i++;
        else
            j++;
    }
    free(a.list);
    free(b.list);
    return both;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "Usage: recorder-rows DIRECTORY\n");
        return 2;
    }
    DIR *directory = opendir(argv[1]);
    struct spans shown = {0};
    int files = 0;
    uint64_t rows = 0;
    if (!directory)
        fail(argv[1]);
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".rows") != 0)
            continue;
        struct spans own = read_file(argv[1], entry->d_name);
        shown = files++ ? meet(shown, own) : own;
    }
    closedir(directory);
    for (size_t i = 0; i < shown.count; i++)
        rows += shown.list[i].to - shown.list[i].from;
    free(shown.list);
    printf("%" PRIu64 "\n", rows);
    return EXIT_SUCCESS;
}
