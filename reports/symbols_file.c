#include "symbols_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BUILD_ID_TEXT_BYTES = 129 };

/* A name could be a pipe or a device, which would be waited for. */
static int open_regular(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &status) || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static Elf *begin_elf(int fd) {
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
    if (elf && elf_kind(elf) != ELF_K_ELF) {
        elf_end(elf);
        elf = NULL;
    }
    return elf;
}

static void build_id_text(Elf *elf, char text[BUILD_ID_TEXT_BYTES]) {
    const void *id = NULL;
    ssize_t bytes = dwelf_elf_gnu_build_id(elf, &id);
    text[0] = '\0';
    for (ssize_t i = 0; id && i < bytes && i < (BUILD_ID_TEXT_BYTES - 1) / 2; i++)
        snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)id)[i]);
}

/* Two files without build ids may be of one build; two different ones are not. */
static bool is_same_build(Elf *elf, const char *build_id) {
    char text[BUILD_ID_TEXT_BYTES];
    build_id_text(elf, text);
    return !text[0] || !build_id[0] || strcmp(text, build_id) == 0;
}

static bool has_section(Elf *elf, const char *const *names) {
    Elf_Scn *section = NULL;
    size_t strings;
    if (elf_getshdrstrndx(elf, &strings))
        return false;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) && header.sh_type != SHT_NOBITS
                               ? elf_strptr(elf, strings, header.sh_name)
                               : NULL;
        for (size_t i = 0; name && names[i]; i++) {
            if (strcmp(name, names[i]) == 0)
                return true;
        }
    }
    return false;
}

static bool has_dwarf(Elf *elf) {
    static const char *const names[] = {".debug_info", ".zdebug_info", NULL};
    return has_section(elf, names);
}

/* Takes the debug file at path if it fits: the build id in `build_id`, or else the checksum. */
static bool take_debug_file(struct sm_symbols_file *file, const char *path, const char *build_id,
                            const GElf_Word *checksum) {
    int fd = open_regular(path);
    Elf *elf = begin_elf(fd);
    bool fits = elf && is_same_build(elf, build_id);
    if (fits && !build_id[0]) {
        size_t bytes = 0;
        const char *raw = elf_rawfile(elf, &bytes);
        fits = checksum && raw && crc32_z(0, (const Bytef *)raw, bytes) == *checksum;
    }
    if (fits) {
        file->debug_fd = fd;
        file->debug_elf = elf;
        return true;
    }
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return false;
}

static bool find_by_build_id(struct sm_symbols_file *file, const char *debug_root,
                             const char *build_id) {
    char path[PATH_MAX];
    if (strlen(build_id) < 4 || strchr(build_id, '/'))
        return false;
    int length = snprintf(path, sizeof path, "%s/.build-id/%.2s/%s.debug", debug_root, build_id,
                          build_id + 2);
    return length > 0 && (size_t)length < sizeof path &&
           take_debug_file(file, path, build_id, NULL);
}

/* Where gdb looks: https://sourceware.org/gdb/current/onlinedocs/gdb/Separate-Debug-Files.html */
static void find_by_link(struct sm_symbols_file *file, const char *debug_root,
                         const char *module_path, const char *build_id) {
    static const char *const formats[] = {"%.0s%.*s/%s", "%.0s%.*s/.debug/%s", "%s%.*s/%s"};
    GElf_Word checksum;
    const char *link = dwelf_elf_gnu_debuglink(file->main_elf, &checksum);
    const char *slash = strrchr(module_path, '/');
    if (!link || !*link || strchr(link, '/') || !slash)
        return;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, formats[i], debug_root, (int)(slash - module_path),
                              module_path, link);
        if (length > 0 && (size_t)length < sizeof path &&
            take_debug_file(file, path, build_id, &checksum))
            return;
    }
}

static void open_main(const struct sm_symbols_job *job, struct sm_symbols_file *file) {
    file->main_fd =
        job->fd >= 0 ? fcntl(job->fd, F_DUPFD_CLOEXEC, 3) : open_regular(job->module->path);
    file->main_elf = begin_elf(file->main_fd);
    if (file->main_elf && !is_same_build(file->main_elf, job->module->build_id)) {
        elf_end(file->main_elf);
        file->main_elf = NULL;
    }
}

void sm_symbols_file_open(const struct sm_symbols_job *job, const char *debug_root,
                          struct sm_symbols_file *ret_file) {
    static const char *const tables[] = {".symtab", NULL};
    struct sm_symbols_file file = {.main_fd = -1, .debug_fd = -1};
    char build_id[BUILD_ID_TEXT_BYTES];
    elf_version(EV_CURRENT);
    open_main(job, &file);
    snprintf(build_id, sizeof build_id, "%s", job->module->build_id);
    if (!build_id[0] && file.main_elf)
        build_id_text(file.main_elf, build_id);
    bool is_enough =
        file.main_elf && has_dwarf(file.main_elf) && has_section(file.main_elf, tables);
    if (!is_enough && !find_by_build_id(&file, debug_root, build_id) && file.main_elf)
        find_by_link(&file, debug_root, job->module->path, build_id);
    if (job->depth == SM_SYMBOLS_DWARF && file.main_elf && has_dwarf(file.main_elf))
        file.dwarf = dwarf_begin_elf(file.main_elf, DWARF_C_READ, NULL);
    else if (job->depth == SM_SYMBOLS_DWARF && file.debug_elf && has_dwarf(file.debug_elf))
        file.dwarf = dwarf_begin_elf(file.debug_elf, DWARF_C_READ, NULL);
    *ret_file = file;
}

void sm_symbols_file_close(struct sm_symbols_file *file) {
    dwarf_end(file->dwarf);
    elf_end(file->main_elf);
    elf_end(file->debug_elf);
    if (file->main_fd >= 0)
        close(file->main_fd);
    if (file->debug_fd >= 0)
        close(file->debug_fd);
}
