#include "remote_maps.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t gap_least_bytes = UINT64_C(1) << 30;
static const uint64_t page_bytes = 4096, user_end = UINT64_C(1) << 47;

int sm_remote_read(int memory_fd, uint64_t at, void *buffer, size_t bytes) {
    ssize_t got = pread(memory_fd, buffer, bytes, (off_t)at);
    return got < 0 ? -errno : (size_t)got == bytes ? 0 : -EFAULT;
}

int sm_remote_write(int memory_fd, uint64_t at, const void *data, size_t bytes) {
    ssize_t put = pwrite(memory_fd, data, bytes, (off_t)at);
    return put < 0 ? -errno : (size_t)put == bytes ? 0 : -EFAULT;
}

struct line {
    uint64_t low, high, offset;
    int is_code;
    char path[512];
};

static int read_line(const char *text, struct line *ret_line) {
    char flags[8] = "";
    int at = 0;
    if (sscanf(text, "%lx-%lx %7s %lx %*s %*s %n", &ret_line->low, &ret_line->high, flags,
               &ret_line->offset, &at) < 4)
        return -EBADMSG;
    ret_line->is_code = flags[2] == 'x';
    snprintf(ret_line->path, sizeof ret_line->path, "%s", at ? text + at : "");
    ret_line->path[strcspn(ret_line->path, "\n")] = '\0';
    return 0;
}

/* A file's first page begins a module; its other mappings go on with it. */
static int take_line(struct sm_remote_maps *maps, const struct line *line) {
    struct sm_remote_module *last = maps->count ? &maps->modules[maps->count - 1] : NULL;
    if (line->path[0] != '/')
        return 0;
    if (!last || strcmp(last->path, line->path) != 0 || line->offset == 0) {
        if (line->offset != 0 || maps->count == SM_REMOTE_MODULES)
            return 0;
        last = &maps->modules[maps->count++];
        *last = (struct sm_remote_module){.low = line->low};
        memcpy(last->path, line->path, sizeof last->path);
    }
    last->high = line->high;
    if (line->is_code && !last->code_low) {
        last->code_low = line->low;
        last->code_high = line->high;
    }
    return 0;
}

int sm_remote_maps_read(pid_t pid, struct sm_remote_maps *ret_maps) {
    struct sm_remote_maps maps = {0};
    char path[64], text[4352];
    uint64_t end = 0, gap = gap_least_bytes;
    struct line line;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    maps.modules = calloc(SM_REMOTE_MODULES, sizeof *maps.modules);
    while (maps.modules && fgets(text, sizeof text, file)) {
        if (read_line(text, &line) || line.high > user_end)
            continue; /* the last is the kernel's vsyscall page */
        /* Not between the executable and the heap, which grows. */
        if (end && line.low > end && line.low - end > gap) {
            gap = line.low - end;
            maps.room = (end + gap / 2) / page_bytes * page_bytes;
        }
        end = line.high;
        take_line(&maps, &line);
    }
    fclose(file);
    if (!maps.modules)
        return -ENOMEM;
    *ret_maps = maps;
    return 0;
}

void sm_remote_maps_free(struct sm_remote_maps *maps) {
    free(maps->modules);
    *maps = (struct sm_remote_maps){0};
}

const struct sm_remote_module *sm_remote_module_named(const struct sm_remote_maps *maps,
                                                      const char *file_name) {
    for (size_t i = 0; i < maps->count; i++) {
        const char *slash = strrchr(maps->modules[i].path, '/');
        if (slash && strcmp(slash + 1, file_name) == 0)
            return &maps->modules[i];
    }
    return NULL;
}

/* ---- symbols ---- */

struct tables {
    int memory_fd;
    uint64_t bias, symbols, names, hash, versions;
};

static uint64_t table_at(const struct sm_remote_module *module, uint64_t bias, uint64_t value) {
    return value < module->low ? value + bias : value;
}

static int read_dynamic(const struct sm_remote_module *module, uint64_t at, uint64_t bytes,
                        struct tables *tables) {
    enum { ENTRIES_MAX = 256 };
    Elf64_Dyn entry;
    for (uint64_t i = 0; i < ENTRIES_MAX && i < bytes / sizeof entry; i++) {
        int rc = sm_remote_read(tables->memory_fd, at + i * sizeof entry, &entry, sizeof entry);
        if (rc)
            return rc;
        uint64_t address = table_at(module, tables->bias, entry.d_un.d_ptr);
        if (entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_SYMTAB)
            tables->symbols = address;
        else if (entry.d_tag == DT_STRTAB)
            tables->names = address;
        else if (entry.d_tag == DT_GNU_HASH)
            tables->hash = address;
        else if (entry.d_tag == DT_VERSYM)
            tables->versions = address;
    }
    return tables->symbols && tables->names && tables->hash ? 0 : -ENOENT;
}

static int read_tables(const struct sm_remote_module *module, struct tables *tables) {
    enum { SEGMENTS_MAX = 64 };
    Elf64_Ehdr header;
    Elf64_Phdr segment, dynamic = {0};
    uint64_t first = UINT64_MAX;
    int rc = sm_remote_read(tables->memory_fd, module->low, &header, sizeof header);
    if (rc)
        return rc;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof segment ||
        header.e_ident[EI_CLASS] != ELFCLASS64)
        return -ENOEXEC;
    for (uint64_t i = 0; i < header.e_phnum && i < SEGMENTS_MAX; i++) {
        rc = sm_remote_read(tables->memory_fd, module->low + header.e_phoff + i * sizeof segment,
                            &segment, sizeof segment);
        if (rc)
            return rc;
        if (segment.p_type == PT_LOAD && first == UINT64_MAX)
            first = segment.p_vaddr / page_bytes * page_bytes;
        if (segment.p_type == PT_DYNAMIC)
            dynamic = segment;
    }
    if (!dynamic.p_memsz || first == UINT64_MAX)
        return -ENOENT;
    tables->bias = module->low - first;
    return read_dynamic(module, tables->bias + dynamic.p_vaddr, dynamic.p_memsz, tables);
}

static uint32_t gnu_hash(const char *name) {
    uint32_t hash = 5381;
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        hash = hash * 33 + *at;
    return hash;
}

/* Whether symbol `index` is the function meant; its address then. */
static uint64_t symbol_if(const struct tables *tables, uint32_t index, const char *name) {
    Elf64_Sym symbol;
    char found[64] = "";
    uint16_t version = 1;
    size_t length = strlen(name) + 1;
    const uint16_t hidden = 0x8000;
    if (length > sizeof found ||
        sm_remote_read(tables->memory_fd, tables->symbols + index * sizeof symbol, &symbol,
                       sizeof symbol) ||
        sm_remote_read(tables->memory_fd, tables->names + symbol.st_name, found, length) ||
        memcmp(found, name, length) != 0)
        return 0;
    if (tables->versions &&
        sm_remote_read(tables->memory_fd, tables->versions + index * 2ul, &version, sizeof version))
        return 0;
    int is_function = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC;
    return is_function && symbol.st_shndx != SHN_UNDEF && !(version & hidden)
               ? tables->bias + symbol.st_value
               : 0;
}

uint64_t sm_remote_symbol(int memory_fd, const struct sm_remote_module *module, const char *name) {
    enum { CHAIN_MAX = 65536 };
    struct tables tables = {.memory_fd = memory_fd};
    uint32_t head[4], index, link, hash = gnu_hash(name);
    if (read_tables(module, &tables) || sm_remote_read(memory_fd, tables.hash, head, sizeof head) ||
        head[0] == 0)
        return 0;
    uint64_t buckets = tables.hash + sizeof head + head[2] * 8ul;
    uint64_t chains = buckets + head[0] * 4ul;
    if (sm_remote_read(memory_fd, buckets + hash % head[0] * 4ul, &index, sizeof index) ||
        index < head[1])
        return 0;
    for (int i = 0; i < CHAIN_MAX; i++, index++) {
        if (sm_remote_read(memory_fd, chains + (index - head[1]) * 4ul, &link, sizeof link))
            return 0;
        uint64_t found = (link | 1) == (hash | 1) ? symbol_if(&tables, index, name) : 0;
        if (found || (link & 1))
            return found;
    }
    return 0;
}
