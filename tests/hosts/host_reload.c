/* host_reload.c - two libraries take turns at the same addresses: host-reload ONE OTHER. What was
 * learnt of the one's frames is wrong for the other's, and a stack belongs to that which was there
 * when it was taken. */
#include <dlfcn.h>
#include <stdbool.h>

#include "pool_view.h"

enum { TURNS = 20 };

static const struct spillmark_slot *slot;
static uint64_t program_low, program_high;

static const struct spillmark_module *modules(void) {
    return view_entries(slot, SPILLMARK_SECTION_MODULES);
}

/* The newest stack whose innermost frame lies between the two. */
static const struct spillmark_stack *newest_in(uint64_t low, uint64_t high) {
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = view_entries(slot, SPILLMARK_SECTION_FRAMES);
    for (uint32_t i = slot->sections[SPILLMARK_SECTION_STACKS].used; i-- > 1;) {
        uint64_t innermost = frames[stacks[i].first_frame];
        if (stacks[i].depth >= 2 && innermost >= low && innermost < high) {
            return &stacks[i];
        }
    }
    return NULL;
}

static const struct spillmark_module *loaded_from(const char *path) {
    for (uint32_t i = 0; i < slot->sections[SPILLMARK_SECTION_MODULES].used; i++) {
        if (modules()[i].ready && modules()[i].unloaded_ns == 0 &&
            strcmp(modules()[i].path, path) == 0) {
            return &modules()[i];
        }
    }
    return NULL;
}

/* Each depth makes a stack of its own. */
static __attribute__((noinline)) void *from_depth(int depth, void *(*function)(void)) {
    void *made = depth > 0 ? from_depth(depth - 1, function) : function();
    __asm__ volatile("" : : "r"(made) : "memory");
    return made;
}

/* Loads, allocates in it, looks, unloads. Returns where it lay. */
static uint64_t turn(const char *path, int depth) {
    void *library = dlopen(path, RTLD_NOW);
    HOST_CHECK(library != NULL);
    void *(*in_frame)(void) = (void *(*)(void))dlsym(library, "plugin_in_frame");
    Dl_info info;
    HOST_CHECK(in_frame != NULL && dladdr((void *)(uintptr_t)in_frame, &info) != 0);
    free(from_depth(depth, in_frame));
    uint64_t start = (uint64_t)(uintptr_t)in_frame;
    const struct spillmark_stack *stack = newest_in(start, start + 256);
    HOST_CHECK(stack != NULL && (int)stack->depth > depth + 2);
    const uint64_t *frames = view_entries(slot, SPILLMARK_SECTION_FRAMES);
    uint64_t caller = frames[stack->first_frame + 1];
    HOST_CHECK(caller > program_low && caller < program_high);
    const struct spillmark_module *module = loaded_from(path);
    HOST_CHECK(module != NULL && module->build_id_bytes > 0);
    HOST_CHECK(module->low <= start && start < module->high);
    HOST_CHECK(dlclose(library) == 0);
    HOST_CHECK(module->unloaded_ns >= module->loaded_ns && loaded_from(path) == NULL);
    return (uint64_t)(uintptr_t)info.dli_fbase;
}

int main(int argc, char **argv) {
    HOST_CHECK(argc == 3);
    slot = host_slot();
    for (uint32_t i = 0; i < slot->sections[SPILLMARK_SECTION_MODULES].used; i++) {
        if (strcmp(modules()[i].path, slot->executable) == 0) {
            program_low = modules()[i].low;
            program_high = modules()[i].high;
        }
    }
    int same_place = 0;
    uint64_t last = 0;
    uint32_t before = slot->sections[SPILLMARK_SECTION_MODULES].used;
    for (int i = 0; i < TURNS; i++) {
        uint64_t base = turn(argv[1 + i % 2], i);
        same_place += base == last;
        last = base;
    }
    HOST_CHECK(same_place == TURNS - 1);
    HOST_CHECK(slot->sections[SPILLMARK_SECTION_MODULES].used == before + 2);
    return 0;
}
