/* preflight_elf.h - what an ELF file tells about itself, read with every offset checked. */
#pragma once

#include <limits.h>
#include <stdint.h>

struct sm_elf_facts {
    int is_elf;
    int is_other_class;   /* not 64-bit */
    int is_other_machine; /* not the machine this was built for */
    char interpreter[PATH_MAX];
    int is_go;
    /* Defined in its dynamic symbols, and with it an allocator's name when one is known by its
     * symbols ("jemalloc"); a plain malloc leaves the name empty. */
    int defines_malloc;
    const char *allocator; /* static storage */
};

/* 0 also when the file is no ELF file; a negative errno when it cannot be read. */
int sm_elf_read(const char *path, struct sm_elf_facts *ret_facts);
