/* host_foreign_blocks.c - linked to an allocator that leaves pvalloc to libc: such a block is not
 * of its heap, so it cannot be asked for its size nor freed, and it is not counted. */
#include <dlfcn.h>
#include <malloc.h>
#include <stdbool.h>

#include "pool_view.h"

static bool of_one_library(const void *one, const void *other) {
    Dl_info of_one, of_other;
    return dladdr(one, &of_one) != 0 && dladdr(other, &of_other) != 0 &&
           of_one.dli_fbase == of_other.dli_fbase;
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    void *jemalloc = dlopen("libjemalloc.so.2", RTLD_LAZY | RTLD_NOLOAD);
    HOST_CHECK(libc != NULL && jemalloc != NULL);
    HOST_CHECK(of_one_library(dlsym(jemalloc, "pvalloc"), dlsym(libc, "malloc")));
    free(malloc(1));
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    char *foreign = pvalloc(100);
    HOST_CHECK(foreign != NULL);
    foreign[0] = foreign[99] = 1;
    HOST_CHECK(view_live_bytes(slot) == bytes && view_live_count(slot) == count);
    void *own = valloc(100);
    HOST_CHECK(view_live_count(slot) == count + 1);
    free(own);
    HOST_CHECK(view_live_bytes(slot) == bytes && view_live_count(slot) == count);
    return 0;
}
