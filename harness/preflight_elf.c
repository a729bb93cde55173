#include "preflight_elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "name this machine's ELF number here"
#endif

struct image {
    const uint8_t *bytes;
    uint64_t size;
};

/* `count` entries of `entry_bytes` at offset, or NULL when they are not all within the file. */
static const void *range(const struct image *image, uint64_t offset, uint64_t count,
                         uint64_t entry_bytes) {
    uint64_t bytes;
    if (__builtin_mul_overflow(count, entry_bytes, &bytes) || offset > image->size ||
        bytes > image->size - offset)
        return NULL;
    return image->bytes + offset;
}

static void read_interpreter(const struct image *image, const Elf64_Phdr *segment,
                             struct sm_elf_facts *facts) {
    const char *text = range(image, segment->p_offset, segment->p_filesz, 1);
    if (!text || segment->p_filesz == 0 || segment->p_filesz > sizeof facts->interpreter)
        return;
    memcpy(facts->interpreter, text, segment->p_filesz);
    facts->interpreter[segment->p_filesz - 1] = '\0';
}

static void read_segments(const struct image *image, const Elf64_Ehdr *header,
                          struct sm_elf_facts *facts) {
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        const void *at =
            range(image, header->e_phoff + (uint64_t)i * header->e_phentsize, 1, sizeof segment);
        if (!at)
            return;
        memcpy(&segment, at, sizeof segment);
        if (segment.p_type == PT_INTERP)
            read_interpreter(image, &segment, facts);
    }
}

static int read_section(const struct image *image, const Elf64_Ehdr *header, unsigned index,
                        Elf64_Shdr *section) {
    const void *at =
        range(image, header->e_shoff + (uint64_t)index * header->e_shentsize, 1, sizeof *section);
    if (!at || index >= header->e_shnum)
        return -EBADMSG;
    memcpy(section, at, sizeof *section);
    return 0;
}

/* The zero-terminated text at an index of a string table; "" when there is none. */
static const char *text_at(const struct image *image, const Elf64_Shdr *strings, uint64_t index) {
    const char *table = range(image, strings->sh_offset, strings->sh_size, 1);
    if (!table || index >= strings->sh_size ||
        !memchr(table + index, '\0', strings->sh_size - index))
        return "";
    return table + index;
}

/* Names that only one allocator exports. */
static const struct {
    const char *symbol, *allocator;
} allocator_symbols[] = {
    {"mallctl", "jemalloc"},
    {"je_mallctl", "jemalloc"},
    {"MallocExtension_ReleaseFreeMemory", "tcmalloc"},
    {"mi_malloc", "mimalloc"},
    {"mi_version", "mimalloc"},
};

static void look_at_symbol(const char *name, struct sm_elf_facts *facts) {
    if (strcmp(name, "malloc") == 0)
        facts->defines_malloc = 1;
    for (size_t i = 0; i < sizeof allocator_symbols / sizeof *allocator_symbols; i++)
        if (strcmp(name, allocator_symbols[i].symbol) == 0)
            facts->allocator = allocator_symbols[i].allocator;
}

static void read_dynamic_symbols(const struct image *image, const Elf64_Ehdr *header,
                                 const Elf64_Shdr *section, struct sm_elf_facts *facts) {
    Elf64_Shdr strings;
    if (read_section(image, header, section->sh_link, &strings) || section->sh_entsize == 0)
        return;
    uint64_t count = section->sh_size / sizeof(Elf64_Sym);
    const uint8_t *symbols = range(image, section->sh_offset, count, sizeof(Elf64_Sym));
    for (uint64_t i = 0; symbols && i < count; i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, symbols + i * sizeof symbol, sizeof symbol);
        if (symbol.st_shndx != SHN_UNDEF)
            look_at_symbol(text_at(image, &strings, symbol.st_name), facts);
    }
}

static void read_sections(const struct image *image, const Elf64_Ehdr *header,
                          struct sm_elf_facts *facts) {
    Elf64_Shdr names, section;
    if (read_section(image, header, header->e_shstrndx, &names))
        return;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (read_section(image, header, i, &section))
            return;
        const char *name = text_at(image, &names, section.sh_name);
        if (strcmp(name, ".gopclntab") == 0 || strcmp(name, ".go.buildid") == 0 ||
            strcmp(name, ".note.go.buildid") == 0)
            facts->is_go = 1;
        if (section.sh_type == SHT_DYNSYM)
            read_dynamic_symbols(image, header, &section, facts);
    }
}

static void read_image(const struct image *image, struct sm_elf_facts *facts) {
    Elf64_Ehdr header;
    const uint8_t *ident = range(image, 0, EI_NIDENT, 1);
    if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return;
    facts->is_elf = 1;
    facts->is_other_class = ident[EI_CLASS] != ELFCLASS64;
    if (facts->is_other_class || !range(image, 0, 1, sizeof header))
        return;
    memcpy(&header, image->bytes, sizeof header);
    facts->is_other_machine = header.e_machine != OUR_MACHINE || ident[EI_DATA] != ELFDATA2LSB;
    if (facts->is_other_machine)
        return;
    read_segments(image, &header, facts);
    read_sections(image, &header, facts);
}

int sm_elf_read(const char *path, struct sm_elf_facts *ret_facts) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &st) ? -errno : 0;
    if (rc == 0 && !S_ISREG(st.st_mode))
        rc = -EINVAL;
    memset(ret_facts, 0, sizeof *ret_facts);
    if (rc == 0 && st.st_size > 0) {
        struct image image = {.size = (uint64_t)st.st_size};
        void *map = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            rc = -errno;
        } else {
            image.bytes = map;
            read_image(&image, ret_facts);
            munmap(map, image.size);
        }
    }
    close(fd);
    return rc;
}
