/* symbols.c - how long it takes to name 1 000 addresses of a file, and what came of it.
 *
 *   bench-symbols FILE...      medians of five runs
 *
 * The addresses are spread evenly over the code of the file's functions, so they touch as many
 * compilation units as any profile could. */
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "reports/symbols.h"

enum { ADDRESSES = 1000, RUNS = 5 };

struct code {
    uint64_t start, bytes;
};

static int compare_code(const void *a, const void *b) {
    const struct code *left = a, *right = b;
    return left->start < right->start ? -1 : left->start > right->start;
}

/* The functions of one symbol table, sorted; malloc'd. */
static struct code *functions_of(Elf *elf, GElf_Word type, size_t *ret_count) {
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    while ((section = elf_nextscn(elf, section))) {
        if (gelf_getshdr(section, &header) && header.sh_type == type)
            break;
    }
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
    if (!data)
        return NULL;
    size_t all = data->d_size / header.sh_entsize, count = 0;
    struct code *functions = malloc((all + 1) * sizeof *functions);
    for (size_t i = 0; functions && i < all; i++) {
        GElf_Sym symbol;
        gelf_getsym(data, (int)i, &symbol);
        if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx && symbol.st_size > 8)
            functions[count++] = (struct code){symbol.st_value, symbol.st_size};
    }
    qsort(functions, count, sizeof *functions, compare_code);
    *ret_count = count;
    return functions;
}

static size_t pick_frames(const char *path, struct sm_frame *frames) {
    size_t count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
    struct code *functions = elf ? functions_of(elf, SHT_SYMTAB, &count) : NULL;
    if (elf && !functions)
        functions = functions_of(elf, SHT_DYNSYM, &count);
    for (size_t i = 0; i < ADDRESSES && count; i++) {
        const struct code *function = &functions[i * count / ADDRESSES];
        frames[i] = (struct sm_frame){
            .stack_id = 1, .module_id = 1, .address = function->start + function->bytes / 2 + 1};
    }
    free(functions);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return count ? ADDRESSES : 0;
}

static int count_row(void *context, const struct sm_symbol *symbol) {
    *(size_t *)context += symbol->function[0] != '\0';
    return 0;
}

static int compare_double(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static int measure(const char *path) {
    static struct sm_frame frames[ADDRESSES];
    struct sm_module module = {.id = 1, .path = (char *)path, .build_id = ""};
    struct sm_run run = {.modules = &module, .modules_count = 1, .frames = frames};
    struct sm_symbols_counts counts;
    double times_ms[RUNS];
    run.frames_count = pick_frames(path, frames);
    for (int i = 0; i < RUNS; i++) {
        struct timespec from, to;
        size_t rows = 0;
        clock_gettime(CLOCK_MONOTONIC, &from);
        if (sm_symbols_resolve(&run, NULL, count_row, &rows, &counts, NULL))
            return 1;
        clock_gettime(CLOCK_MONOTONIC, &to);
        times_ms[i] =
            (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    }
    qsort(times_ms, RUNS, sizeof *times_ms, compare_double);
    printf("%8.1f ms %6zu asked %6zu named %6zu with line %6zu inlined  %s\n", times_ms[RUNS / 2],
           counts.asked, counts.named, counts.with_line, counts.inlined, path);
    return 0;
}

int main(int argc, char **argv) {
    int status = argc < 2;
    if (status)
        fprintf(stderr, "usage: bench-symbols FILE...\n");
    for (int i = 1; i < argc; i++)
        status |= measure(argv[i]);
    return status;
}
