#include <stdlib.h>
#include <string.h>

void plugin_keep(size_t count, size_t bytes);
void plugin_keep(size_t count, size_t bytes) {
    static void *volatile last;
    for (; count > 0; count--) {
        last = malloc(bytes);
        if (last)
            memset(last, 1, bytes);
    }
}
