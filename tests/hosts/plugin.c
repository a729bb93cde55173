/* plugin.c - a library that comes and goes. */
#include <stdlib.h>
#include <string.h>

void *plugin_make(int depth);
static void *kept[16];

__attribute__((constructor)) static void load(void) {
    for (int i = 0; i < 16; i++) {
        kept[i] = malloc((size_t)i * 50 + 1);
    }
}

__attribute__((destructor)) static void unload(void) {
    for (int i = 0; i < 16; i++) {
        free(kept[i]);
    }
}

__attribute__((noinline)) void *plugin_make(int depth) {
    if (depth > 0) {
        void *made = plugin_make(depth - 1);
        __asm__ volatile("" : : "r"(made) : "memory");
        return made;
    }
    return strdup("from the plugin");
}
