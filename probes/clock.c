#include "clock.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "tables.h"

SMP_TOGETHER int (*smp_clock_get)(clockid_t clock, struct timespec *ret_now) = clock_gettime;

void smp_clock_find(void) {
    const ElfW(Ehdr) *kernel = (const ElfW(Ehdr) *)getauxval(AT_SYSINFO_EHDR);
    if (kernel == NULL) {
        return;
    }
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)((const char *)kernel + kernel->e_phoff);
    struct dl_phdr_info info = {.dlpi_phdr = headers, .dlpi_phnum = kernel->e_phnum};
    for (int i = 0; i < kernel->e_phnum; i++) {
        if (headers[i].p_type == PT_LOAD) {
            info.dlpi_addr = (uintptr_t)kernel - headers[i].p_vaddr;
        }
    }
    struct smp_tables tables;
    smp_tables_read(&info, &tables);
    void *found = smp_tables_function(&tables, "__vdso_clock_gettime");
    if (found != NULL) {
        smp_clock_get = (int (*)(clockid_t, struct timespec *))found;
    }
}
