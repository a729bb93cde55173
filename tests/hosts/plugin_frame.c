/* plugin_frame.c - a function with a frame of PLUGIN_FRAME_BYTES. Built twice, each with the code
 * of the other at the same addresses but for that. */
#include <stdlib.h>

void *plugin_in_frame(void);

__attribute__((noinline)) void *plugin_in_frame(void) {
    char padding[PLUGIN_FRAME_BYTES];
    __asm__ volatile("" : : "r"(padding) : "memory");
    void *made = malloc(100);
    __asm__ volatile("" : : "r"(padding), "r"(made) : "memory");
    return made;
}
