/* host_maps.c - mappings of several call stacks that come, go in parts, move and replace each
 * other, against what the kernel shows in /proc/self/maps; by one thread, by several, beside fork
 * and vfork: host-maps [full], the latter with more of them than there is room for.
 *
 * Each function maps with a protection of its own, by which the kernel's table tells it apart. */
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "pool_view.h"

enum { PAGE = 4096, WINDOW_PAGES = 512, ROUNDS = 3000, THREADS = 8, SITES = 4 };

/* Where nothing else is. */
static char *const window = (char *)0x200000000000;

static const struct spillmark_slot *slot;

#define MAPS_BY(name, protection)                                                                  \
    static __attribute__((noinline)) void name(char *at, size_t bytes) {                           \
        void *made = mmap(at, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);  \
        HOST_CHECK(made == at);                                                                    \
    }
MAPS_BY(map_readable, PROT_READ)
MAPS_BY(map_writable, PROT_READ | PROT_WRITE)
MAPS_BY(map_reserved, PROT_NONE)

/* What moves, or grows, is its own from then on. */
static __attribute__((noinline)) void move(char *from, size_t bytes, char *to, size_t new_bytes) {
    void *made = mremap(from, bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    HOST_CHECK(made == to && mprotect(to, new_bytes, PROT_READ | PROT_EXEC) == 0);
}

enum { READABLE, WRITABLE, RESERVED, MOVED };

static const char *const shown_as[SITES] = {"r--p", "rw-p", "---p", "r-xp"};

static void map_by(int site, char *at, size_t bytes) {
    (site == READABLE ? map_readable : site == WRITABLE ? map_writable : map_reserved)(at, bytes);
}

/* The function that a return address lies in. */
static int site_at(uint64_t address) {
    enum { FUNCTION_BYTES = 400 };
    const uint64_t starts[SITES] = {(uint64_t)map_readable, (uint64_t)map_writable,
                                    (uint64_t)map_reserved, (uint64_t)move};
    int found = -1;
    for (int s = 0; s < SITES; s++) {
        if (starts[s] < address && address - starts[s] < FUNCTION_BYTES &&
            (found < 0 || starts[s] > starts[found])) {
            found = s;
        }
    }
    return found;
}

/* What the probe says that each holds. */
static void ask_probe(int64_t ret_bytes[SITES]) {
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = view_entries(slot, SPILLMARK_SECTION_FRAMES);
    memset(ret_bytes, 0, SITES * sizeof *ret_bytes);
    for (uint32_t i = 1; i < slot->sections[SPILLMARK_SECTION_STACKS].used; i++) {
        int site = stacks[i].depth != 0 ? site_at(frames[stacks[i].first_frame]) : -1;
        if (stacks[i].kind == SPILLMARK_KIND_MAP && site >= 0) {
            HOST_CHECK(stacks[i].alloc_count_q10 >= stacks[i].free_count_q10);
            HOST_CHECK(stacks[i].alloc_bytes != stacks[i].free_bytes ||
                       stacks[i].alloc_count_q10 == stacks[i].free_count_q10);
            ret_bytes[site] += (int64_t)(stacks[i].alloc_bytes - stacks[i].free_bytes);
        }
    }
}

/* What is mapped in the window with each protection. Maps and allocates nothing itself. */
static void ask_kernel(int64_t ret_bytes[SITES]) {
    static char text[1 << 18];
    size_t used = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (ssize_t got; (got = read(fd, text + used, sizeof text - 1 - used)) > 0;) {
        used += (size_t)got;
    }
    close(fd);
    HOST_CHECK(used > 0 && used < sizeof text - 1);
    text[used] = '\0';
    memset(ret_bytes, 0, SITES * sizeof *ret_bytes);
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        uint64_t low = strtoull(line, &line, 16), high = strtoull(line + 1, &line, 16);
        for (int s = 0; s < SITES && low - (uint64_t)window < WINDOW_PAGES * (uint64_t)PAGE; s++) {
            if (strncmp(line + 1, shown_as[s], 4) == 0) {
                ret_bytes[s] += (int64_t)(high - low);
            }
        }
    }
}

static int64_t mapped(void) {
    const struct spillmark_thread *threads = view_entries(slot, SPILLMARK_SECTION_THREADS);
    int64_t bytes = 0;
    for (int i = 0; i < SPILLMARK_THREADS; i++) {
        bytes += (int64_t)(threads[i].map_bytes - threads[i].unmap_bytes);
    }
    return bytes;
}

static void check(int64_t before) {
    int64_t by_probe[SITES], by_kernel[SITES], all = 0;
    ask_probe(by_probe);
    ask_kernel(by_kernel);
    for (int s = 0; s < SITES; s++) {
        HOST_CHECK(by_probe[s] == by_kernel[s]);
        all += by_kernel[s];
    }
    HOST_CHECK(mapped() == before + all);
}

/* A part of the window that one thread has to itself, and the site of each of its pages. */
struct part {
    char *at;
    unsigned pages;
    uint64_t dice;
    int8_t site_of[WINDOW_PAGES]; /* -1 = nothing is mapped */
};

static unsigned draw(struct part *part, unsigned below) {
    part->dice = part->dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(part->dice >> 33) % below;
}

static struct part make_part(unsigned from, unsigned pages) {
    struct part part = {.at = window + (size_t)from * PAGE, .pages = pages, .dice = from + 1};
    memset(part.site_of, -1, sizeof part.site_of);
    return part;
}

static bool is_all(const struct part *part, unsigned from, unsigned count, int site) {
    for (unsigned i = from; i < from + count; i++) {
        if (part->site_of[i] != site) {
            return false;
        }
    }
    return true;
}

static void try_to_move(struct part *part, unsigned from, unsigned count) {
    unsigned to = draw(part, part->pages), wanted = 1 + draw(part, 2 * count);
    if (to + wanted <= part->pages && is_all(part, from, count, WRITABLE) &&
        is_all(part, to, wanted, -1)) {
        move(part->at + (size_t)from * PAGE, (size_t)count * PAGE, part->at + (size_t)to * PAGE,
             (size_t)wanted * PAGE);
        memset(part->site_of + from, -1, count);
        memset(part->site_of + to, MOVED, wanted);
    }
}

static void change(struct part *part) {
    unsigned from = draw(part, part->pages), count = 1 + draw(part, 9), what = draw(part, 8);
    count = from + count <= part->pages ? count : part->pages - from;
    char *at = part->at + (size_t)from * PAGE;
    if (what <= RESERVED) { /* over whatever is there */
        map_by((int)what, at, (size_t)count * PAGE - draw(part, PAGE));
        memset(part->site_of + from, (int)what, count);
    } else if (what < 6) { /* parts, several at once, and what is not mapped */
        HOST_CHECK(munmap(at, (size_t)count * PAGE) == 0);
        memset(part->site_of + from, -1, count);
    } else {
        try_to_move(part, from, 1 + count / 2);
    }
}

static void clear_window(int64_t before) {
    HOST_CHECK(munmap(window, (size_t)WINDOW_PAGES * PAGE) == 0);
    check(before);
    HOST_CHECK(mapped() == before);
}

static void alone(void) {
    int64_t before = mapped();
    struct part part = make_part(0, WINDOW_PAGES);
    for (int round = 0; round < ROUNDS; round++) {
        change(&part);
        if (round % 10 == 0) {
            check(before);
        }
    }
    /* What fails changes nothing. */
    HOST_CHECK(munmap(window + 1, PAGE) < 0 && munmap(window, 0) < 0);
    HOST_CHECK(mremap(window + 1, PAGE, PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
    check(before);
    clear_window(before);
}

/* A second mapping of shared pages, and one whose pages move while it stays. */
static void both_stay(void) {
    int64_t before = mapped();
    char *shared = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *second = mremap(shared, 0, 2 * PAGE, MREMAP_MAYMOVE);
    HOST_CHECK(second != MAP_FAILED && second != shared && mapped() == before + 4 * PAGE);
    HOST_CHECK(munmap(shared, 2 * PAGE) == 0 && munmap(second, 2 * PAGE) == 0);
    map_writable(window, 2 * PAGE);
    char *moved = mremap(window, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    HOST_CHECK(moved == MAP_FAILED || mapped() == before + 4 * PAGE);
    HOST_CHECK(moved == MAP_FAILED || munmap(moved, 2 * PAGE) == 0);
    clear_window(before);
}

/* In places that the kernel chooses: one thread gets what another has just given back. */
static void *anywhere(void *argument) {
    for (int round = 0; round < ROUNDS; round++) {
        char *at = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        HOST_CHECK(at != MAP_FAILED);
        if (round % 3 == 0) {
            HOST_CHECK(munmap(at + PAGE, PAGE) == 0);
        }
        HOST_CHECK(munmap(at, 4 * PAGE) == 0);
    }
    return argument;
}

static void *in_its_part(void *argument) {
    for (int round = 0; round < ROUNDS; round++) {
        change((struct part *)argument);
    }
    return argument;
}

static void at_once(void) {
    static struct part parts[THREADS];
    pthread_t threads[2 * THREADS];
    int64_t before = mapped();
    for (unsigned i = 0; i < THREADS; i++) {
        parts[i] = make_part(i * (WINDOW_PAGES / THREADS), WINDOW_PAGES / THREADS);
        HOST_CHECK(pthread_create(&threads[i], NULL, in_its_part, &parts[i]) == 0);
        HOST_CHECK(pthread_create(&threads[THREADS + i], NULL, anywhere, NULL) == 0);
    }
    for (int i = 0; i < 2 * THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    check(before);
    clear_window(before);
}

static void wait_for(pid_t child) {
    int status;
    HOST_CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* A forked child begins with nothing; what it inherited is not its own to give back. */
static void beside_children(void) {
    int64_t before = mapped();
    map_writable(window, 8 * PAGE);
    pid_t child = fork();
    if (child == 0) {
        HOST_CHECK(munmap(window, 2 * PAGE) == 0);
        slot = host_slot();
        HOST_CHECK(mapped() == 0);
        map_writable(window + 4 * PAGE, 8 * PAGE);
        HOST_CHECK(mapped() == 8 * PAGE);
        HOST_CHECK(munmap(window, 8 * PAGE) == 0);
        HOST_CHECK(mapped() == 4 * PAGE);
        _exit(0);
    }
    wait_for(child);
    check(before);
    child = vfork(); /* it maps into this process */
    if (child == 0) {
        map_readable(window + 8 * PAGE, PAGE);
        _exit(0);
    }
    wait_for(child);
    HOST_CHECK(mapped() == before + 9 * PAGE);
    check(before);
    clear_window(before);
}

/* More than there is room for: all are counted, and none is when they have gone. */
static void full(void) {
    enum { MORE = 70000 };
    char *all[MORE];
    int64_t before = mapped();
    for (int i = 0; i < MORE; i++) {
        all[i] = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        HOST_CHECK(all[i] != MAP_FAILED);
    }
    HOST_CHECK(mapped() == before + (int64_t)MORE * PAGE);
    HOST_CHECK(slot->map_drops > 0 && slot->map_drops < MORE / 10);
    uint64_t drops = slot->map_drops;
    for (int i = 0; i < MORE; i++) {
        HOST_CHECK(munmap(all[i], PAGE) == 0);
    }
    HOST_CHECK(mapped() == before && slot->map_drops == drops);
}

int main(int argc, char **argv) {
    slot = host_slot();
    if (argc > 1 && strcmp(argv[1], "full") == 0) {
        full();
        return 0;
    }
    alone();
    both_stay();
    beside_children();
    at_once();
    HOST_CHECK(slot->map_drops == 0);
    return 0;
}
