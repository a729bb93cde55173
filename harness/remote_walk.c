#include "remote_walk.h"

#include <elf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACES_MAX = 32 };

struct range {
    uint64_t low, high;
};

struct sm_remote_places {
    struct range ranges[PLACES_MAX];
    size_t count;
    struct range libc;
    Dwfl *dwfl; /* NULL when the stacks of this process cannot be walked */
};

static void add(struct sm_remote_places *places, uint64_t low, uint64_t high) {
    if (places->count < PLACES_MAX)
        places->ranges[places->count++] = (struct range){low, high};
}

/* The auxiliary vector says where the loader is. */
static uint64_t loader_base(pid_t pid) {
    char path[64];
    Elf64_auxv_t entry;
    uint64_t base = 0;
    snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && base == 0 && read(fd, &entry, sizeof entry) == (ssize_t)sizeof entry)
        if (entry.a_type == AT_BASE)
            base = entry.a_un.a_val;
    if (fd >= 0)
        close(fd);
    return base;
}

/* glibc's malloc.o is one stretch of its code, and what it begins with is let out (an old hook's
 * default), as is most of what follows; local functions lie in between and some behind. */
static void add_glibc(struct sm_remote_places *places, const struct sm_remote *remote) {
    static const char *const names[] = {"__default_morecore",
                                        "malloc",
                                        "free",
                                        "realloc",
                                        "memalign",
                                        "valloc",
                                        "pvalloc",
                                        "calloc",
                                        "mallinfo2",
                                        "malloc_trim",
                                        "malloc_usable_size",
                                        "posix_memalign",
                                        "mallopt",
                                        "malloc_info"};
    enum { BEFORE = 0x3000, BEHIND = 0x800 };
    struct range range = {UINT64_MAX, 0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint64_t at = sm_remote_symbol(remote->memory_fd, remote->libc, names[i]);
        if (at && at < range.low)
            range.low = at;
        if (at > range.high)
            range.high = at;
    }
    if (range.high)
        add(places, range.low - BEFORE, range.high + BEHIND);
    places->libc = (struct range){remote->libc->low, remote->libc->high};
}

static int no_debug_info(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                         const char *file, const char *link, GElf_Word check, char **ret_file) {
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)check;
    (void)ret_file;
    return -1;
}

static Dwfl *open_walker(pid_t pid) {
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                             .find_debuginfo = no_debug_info};
    Dwfl *dwfl = dwfl_begin(&callbacks);
    if (dwfl && (dwfl_linux_proc_report(dwfl, pid) || dwfl_report_end(dwfl, NULL, NULL) ||
                 dwfl_linux_proc_attach(dwfl, pid, true))) {
        dwfl_end(dwfl);
        dwfl = NULL;
    }
    return dwfl;
}

int sm_remote_places_find(const struct sm_remote *remote, const struct sm_remote_module *probe,
                          struct sm_remote_places **ret_places) {
    struct sm_remote_places *places = calloc(1, sizeof *places);
    uint64_t base = loader_base(remote->pid);
    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < remote->maps.count; i++) {
        const struct sm_remote_module *module = &remote->maps.modules[i];
        int is_loader = module->low == base;
        int allocates = !is_loader && module != remote->libc && module->code_low &&
                        sm_remote_symbol(remote->memory_fd, module, "malloc") != 0;
        if (is_loader || allocates || module == probe)
            add(places, module->low, module->high);
    }
    add_glibc(places, remote);
    places->dwfl = open_walker(remote->pid);
    *ret_places = places;
    return 0;
}

void sm_remote_places_free(struct sm_remote_places *places) {
    if (!places)
        return;
    if (places->dwfl)
        dwfl_end(places->dwfl);
    free(places);
}

struct walk {
    const struct sm_remote_places *places;
    int is_inside, frames, frames_of_the_program;
};

static void look(struct walk *walk, uint64_t pc) {
    const struct sm_remote_places *places = walk->places;
    for (size_t i = 0; i < places->count; i++)
        walk->is_inside |=
            pc - places->ranges[i].low < places->ranges[i].high - places->ranges[i].low;
    walk->frames++;
    walk->frames_of_the_program += pc - places->libc.low >= places->libc.high - places->libc.low;
}

static int visit(Dwfl_Frame *frame, void *argument) {
    enum { FRAMES_MAX = 4096 };
    struct walk *walk = argument;
    Dwarf_Addr pc;
    bool is_activation;
    if (!dwfl_frame_pc(frame, &pc, &is_activation))
        return DWARF_CB_ABORT;
    look(walk, pc - !is_activation);
    return walk->is_inside || walk->frames > FRAMES_MAX ? DWARF_CB_ABORT : DWARF_CB_OK;
}

int sm_remote_is_outside(const struct sm_remote *remote, struct sm_remote_places *places) {
    struct walk walk = {.places = places};
    int is_whole =
        places->dwfl && dwfl_getthread_frames(places->dwfl, remote->tid, visit, &walk) == 0;
    if (walk.frames == 0)
        look(&walk, remote->regs.rip);
    return !walk.is_inside && (is_whole || walk.frames_of_the_program > 0);
}
