#include "object.h"

#include <string.h>

bool smp_object_of(uintptr_t address, struct dl_phdr_info *ret_info) {
    struct dl_find_object found;
    if (_dl_find_object((void *)address, &found) != 0) {
        return false;
    }
    const ElfW(Ehdr) *header = found.dlfo_map_start;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return false; /* an object whose first segment is not its first page */
    }
    memset(ret_info, 0, sizeof *ret_info);
    ret_info->dlpi_addr = found.dlfo_link_map->l_addr;
    ret_info->dlpi_name = found.dlfo_link_map->l_name;
    ret_info->dlpi_phdr = (const ElfW(Phdr) *)((const char *)header + header->e_phoff);
    ret_info->dlpi_phnum = header->e_phnum;
    return true;
}

const struct link_map *smp_library_of(const void *address) {
    struct dl_find_object found;
    return address != NULL && _dl_find_object != NULL &&
                   _dl_find_object((void *)address, &found) == 0
               ? found.dlfo_link_map
               : NULL;
}

const void *smp_eh_frame_header(uintptr_t address) {
    struct dl_find_object found;
    return _dl_find_object((void *)address, &found) == 0 ? found.dlfo_eh_frame : NULL;
}
