/* hooks_loader.c - libraries that go while the program runs; those that come are met in
 * modules.c. */
#include <dlfcn.h>

#include "modules.h"
#include "real.h"
#include "slot.h"
#include "unwind.h"

static void changed(void) {
    if (smp_phase() == SMP_ON && smp_is_owner()) {
        smp_unwind_forget();
        smp_modules_check();
    }
}

SMP_EXPORT int dlclose(void *library) {
    int failed = SMP_REAL(dlclose)(library);
    changed();
    return failed;
}
