#include "cfi.h"

#include <string.h>

#include "leb128.h"
#include "object.h"

/* Pointer encodings (DW_EH_PE_*). */
enum { PE_OMIT = 0xff, PE_FORM = 0x0f, PE_RELATION = 0x70, PE_PCREL = 0x10, PE_INDIRECT = 0x80 };
enum {
    PE_ABSPTR = 0x00,
    PE_UDATA2 = 0x02,
    PE_UDATA4 = 0x03,
    PE_UDATA8 = 0x04,
    PE_SDATA2 = 0x0a,
    PE_SDATA4 = 0x0b,
    PE_SDATA8 = 0x0c
};
enum { HDR_TABLE_ENCODING = 0x3b }; /* datarel | sdata4: what every linker writes */

static uint64_t read_bytes(const uint8_t **cursor, unsigned bytes) {
    uint64_t value = 0;
    memcpy(&value, *cursor, bytes);
    *cursor += bytes;
    return value;
}

/* False for an encoding that FDEs of x86-64 do not use. */
static bool read_encoded(const uint8_t **cursor, uint8_t encoding, uint64_t *ret_value) {
    uint64_t base = (encoding & PE_RELATION) == PE_PCREL ? (uintptr_t)*cursor : 0;
    switch (encoding & PE_FORM) {
    case PE_ABSPTR:
    case PE_UDATA8:
    case PE_SDATA8:
        *ret_value = base + read_bytes(cursor, 8);
        return true;
    case PE_UDATA4:
        *ret_value = base + read_bytes(cursor, 4);
        return true;
    case PE_SDATA4:
        *ret_value = base + (uint64_t)(int64_t)(int32_t)read_bytes(cursor, 4);
        return true;
    case PE_UDATA2:
        *ret_value = base + read_bytes(cursor, 2);
        return true;
    case PE_SDATA2:
        *ret_value = base + (uint64_t)(int64_t)(int16_t)read_bytes(cursor, 2);
        return true;
    default:
        return false;
    }
}

struct hdr_entry {
    int32_t start, fde; /* relative to the header */
};

/* The FDE whose start is the last at or before the address, by the sorted table. */
static const uint8_t *find_fde(const uint8_t *hdr, uintptr_t address) {
    if (hdr[0] != 1 || hdr[2] == PE_OMIT || hdr[3] != HDR_TABLE_ENCODING) {
        return NULL;
    }
    const uint8_t *cursor = hdr + 4;
    uint64_t ignored, count;
    if (!read_encoded(&cursor, hdr[1], &ignored) || !read_encoded(&cursor, hdr[2], &count)) {
        return NULL;
    }
    const struct hdr_entry *entries = (const struct hdr_entry *)cursor;
    int64_t wanted = (int64_t)(address - (uintptr_t)hdr);
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (entries[middle].start <= wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : hdr + entries[low - 1].fde;
}

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding;
    bool has_augmentation, signal_frame;
    const uint8_t *program, *end;
};

static bool parse_augmentation(struct cie *cie, const char *text, const uint8_t **cursor) {
    uint64_t length = smp_uleb(cursor);
    const uint8_t *end = *cursor + length;
    cie->has_augmentation = true;
    for (text++; *text != '\0'; text++) {
        uint64_t ignored;
        switch (*text) {
        case 'R':
            cie->encoding = *(*cursor)++;
            break;
        case 'P': {
            uint8_t encoding = *(*cursor)++;
            if (!read_encoded(cursor, encoding, &ignored)) {
                return false;
            }
            break;
        }
        case 'L':
            (*cursor)++;
            break;
        case 'S':
            cie->signal_frame = true;
            break;
        default:
            return false;
        }
    }
    *cursor = end;
    return true;
}

static bool parse_cie(const uint8_t *at, struct cie *ret_cie) {
    const uint8_t *cursor = at;
    uint32_t length = (uint32_t)read_bytes(&cursor, 4);
    const uint8_t *end = cursor + length;
    if (length == 0 || length == 0xffffffff || read_bytes(&cursor, 4) != 0) {
        return false;
    }
    uint8_t version = *cursor++;
    const char *text = (const char *)cursor;
    cursor += strlen(text) + 1;
    *ret_cie = (struct cie){.end = end, .encoding = PE_ABSPTR};
    ret_cie->code_align = smp_uleb(&cursor);
    ret_cie->data_align = smp_sleb(&cursor);
    uint64_t return_register = version == 1 ? *cursor++ : smp_uleb(&cursor);
    if ((version != 1 && version != 3) || return_register != SMP_RIP ||
        (text[0] != '\0' && (text[0] != 'z' || !parse_augmentation(ret_cie, text, &cursor)))) {
        return false;
    }
    ret_cie->program = cursor;
    return true;
}

enum { REMEMBERED_MAX = 4 };

struct machine {
    const struct cie *cie;
    struct smp_cfi_row *row;
    const struct smp_cfi_row *initial; /* after the CIE's program; NULL during it */
    uint64_t location, wanted;
    struct smp_cfi_row remembered[REMEMBERED_MAX];
    unsigned depth;
};

static bool set_rule(struct machine *m, uint64_t reg, enum smp_cfi_kind kind, int64_t value) {
    if (reg < SMP_REGISTERS) { /* others (vector registers) do not matter here */
        m->row->rules[reg] = (struct smp_cfi_rule){.kind = kind, .value = value};
    }
    return true;
}

static bool set_expression(struct machine *m, uint64_t reg, enum smp_cfi_kind kind,
                           const uint8_t **cursor) {
    if (reg < SMP_REGISTERS) {
        m->row->rules[reg] = (struct smp_cfi_rule){.kind = kind, .expression = *cursor};
    }
    uint64_t length = smp_uleb(cursor);
    *cursor += length;
    return true;
}

static bool restore(struct machine *m, uint64_t reg) {
    if (m->initial == NULL) {
        return false;
    }
    if (reg < SMP_REGISTERS) {
        m->row->rules[reg] = m->initial->rules[reg];
    }
    return true;
}

static bool set_cfa(struct machine *m, uint64_t reg, int64_t offset) {
    m->row->cfa_register = (uint32_t)reg;
    m->row->cfa_offset = offset;
    m->row->cfa_expression = NULL;
    return true;
}

static bool remember(struct machine *m) {
    if (m->depth == REMEMBERED_MAX) {
        return false;
    }
    m->remembered[m->depth++] = *m->row;
    return true;
}

static bool recall(struct machine *m) {
    if (m->depth == 0) {
        return false;
    }
    *m->row = m->remembered[--m->depth];
    return true;
}

static bool advance(struct machine *m, uint64_t delta) {
    m->location += delta * m->cie->code_align;
    return true;
}

/* One instruction of those with an opcode of their own (DW_CFA_*). */
static bool extended(struct machine *m, uint8_t opcode, const uint8_t **cursor) {
    int64_t align = m->cie->data_align;
    uint64_t reg;
    switch (opcode) {
    case 0x00: /* nop */
        return true;
    case 0x01: /* set_loc */
        return read_encoded(cursor, m->cie->encoding, &m->location);
    case 0x02: /* advance_loc1 */
        return advance(m, read_bytes(cursor, 1));
    case 0x03: /* advance_loc2 */
        return advance(m, read_bytes(cursor, 2));
    case 0x04: /* advance_loc4 */
        return advance(m, read_bytes(cursor, 4));
    case 0x05: /* offset_extended */
        reg = smp_uleb(cursor);
        return set_rule(m, reg, SMP_CFI_OFFSET, (int64_t)smp_uleb(cursor) * align);
    case 0x06: /* restore_extended */
        return restore(m, smp_uleb(cursor));
    case 0x07: /* undefined */
        return set_rule(m, smp_uleb(cursor), SMP_CFI_UNDEFINED, 0);
    case 0x08: /* same_value */
        return set_rule(m, smp_uleb(cursor), SMP_CFI_SAME, 0);
    case 0x09: /* register */
        reg = smp_uleb(cursor);
        return set_rule(m, reg, SMP_CFI_REGISTER, (int64_t)smp_uleb(cursor));
    case 0x0a: /* remember_state */
        return remember(m);
    case 0x0b: /* restore_state */
        return recall(m);
    case 0x0c: /* def_cfa */
        reg = smp_uleb(cursor);
        return set_cfa(m, reg, (int64_t)smp_uleb(cursor));
    case 0x0d: /* def_cfa_register */
        m->row->cfa_register = (uint32_t)smp_uleb(cursor);
        return m->row->cfa_expression == NULL;
    case 0x0e: /* def_cfa_offset */
        m->row->cfa_offset = (int64_t)smp_uleb(cursor);
        return m->row->cfa_expression == NULL;
    case 0x0f: { /* def_cfa_expression */
        m->row->cfa_expression = *cursor;
        uint64_t length = smp_uleb(cursor);
        *cursor += length;
        return true;
    }
    case 0x10: /* expression */
        return set_expression(m, smp_uleb(cursor), SMP_CFI_EXPRESSION, cursor);
    case 0x11: /* offset_extended_sf */
        reg = smp_uleb(cursor);
        return set_rule(m, reg, SMP_CFI_OFFSET, smp_sleb(cursor) * align);
    case 0x12: /* def_cfa_sf */
        reg = smp_uleb(cursor);
        return set_cfa(m, reg, smp_sleb(cursor) * align);
    case 0x13: /* def_cfa_offset_sf */
        m->row->cfa_offset = smp_sleb(cursor) * align;
        return m->row->cfa_expression == NULL;
    case 0x14: /* val_offset */
        reg = smp_uleb(cursor);
        return set_rule(m, reg, SMP_CFI_VAL_OFFSET, (int64_t)smp_uleb(cursor) * align);
    case 0x15: /* val_offset_sf */
        reg = smp_uleb(cursor);
        return set_rule(m, reg, SMP_CFI_VAL_OFFSET, smp_sleb(cursor) * align);
    case 0x16: /* val_expression */
        return set_expression(m, smp_uleb(cursor), SMP_CFI_VAL_EXPRESSION, cursor);
    case 0x2e: /* GNU_args_size */
        smp_uleb(cursor);
        return true;
    default:
        return false;
    }
}

/* Runs a program up to the wanted address. */
static bool run(struct machine *m, const uint8_t *cursor, const uint8_t *end) {
    while (cursor < end && m->location <= m->wanted) {
        uint8_t opcode = *cursor++;
        uint8_t low = opcode & 0x3f;
        bool known;
        switch (opcode >> 6) {
        case 1: /* advance_loc */
            known = advance(m, low);
            break;
        case 2: /* offset */
            known =
                set_rule(m, low, SMP_CFI_OFFSET, (int64_t)smp_uleb(&cursor) * m->cie->data_align);
            break;
        case 3: /* restore */
            known = restore(m, low);
            break;
        default:
            known = extended(m, low, &cursor);
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

static bool run_fde(const struct cie *cie, const uint8_t *program, const uint8_t *end,
                    uint64_t start, uintptr_t address, struct smp_cfi_row *ret_row) {
    struct machine m = {.cie = cie, .row = ret_row, .location = 0, .wanted = UINT64_MAX};
    memset(ret_row, 0, sizeof *ret_row);
    ret_row->signal_frame = cie->signal_frame;
    if (!run(&m, cie->program, cie->end)) {
        return false;
    }
    struct smp_cfi_row initial = *ret_row;
    m.initial = &initial;
    m.location = start;
    m.wanted = address;
    return run(&m, program, end);
}

bool smp_cfi_find(uintptr_t address, struct smp_cfi_row *ret_row) {
    const uint8_t *hdr = smp_eh_frame_header(address);
    const uint8_t *fde = hdr != NULL ? find_fde(hdr, address) : NULL;
    if (fde == NULL) {
        return false;
    }
    const uint8_t *cursor = fde;
    uint32_t length = (uint32_t)read_bytes(&cursor, 4);
    const uint8_t *end = cursor + length;
    const uint8_t *id_at = cursor;
    uint32_t id = (uint32_t)read_bytes(&cursor, 4);
    struct cie cie;
    if (length == 0 || length == 0xffffffff || id == 0 || !parse_cie(id_at - id, &cie)) {
        return false;
    }
    uint64_t start, size;
    if ((cie.encoding & PE_INDIRECT) != 0 || !read_encoded(&cursor, cie.encoding, &start) ||
        !read_encoded(&cursor, cie.encoding & PE_FORM, &size) || address < start ||
        address - start >= size) {
        return false;
    }
    if (cie.has_augmentation) {
        uint64_t skip = smp_uleb(&cursor);
        cursor += skip;
    }
    return run_fde(&cie, cursor, end, start, address, ret_row);
}
