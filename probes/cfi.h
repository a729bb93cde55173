/* cfi.h - one row of an object's call frame information (.eh_frame), as DWARF 5, section 6.4.
 *
 * Reads only memory that the loader mapped from the object; takes no lock, allocates nothing. A
 * row says how to get from a frame's registers to its caller's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* DWARF's numbers of the registers of x86-64. */
enum { SMP_RAX = 0, SMP_RBX = 3, SMP_RBP = 6, SMP_RSP = 7, SMP_RIP = 16, SMP_REGISTERS = 17 };

enum smp_cfi_kind {
    SMP_CFI_SAME,
    SMP_CFI_UNDEFINED,
    SMP_CFI_OFFSET,     /* saved at CFA + value */
    SMP_CFI_VAL_OFFSET, /* is CFA + value */
    SMP_CFI_REGISTER,   /* is in register `value` */
    SMP_CFI_EXPRESSION, /* saved where `expression` says */
    SMP_CFI_VAL_EXPRESSION,
};

struct smp_cfi_rule {
    enum smp_cfi_kind kind;
    int64_t value;
    const uint8_t *expression; /* its length (ULEB128) comes first */
};

struct smp_cfi_row {
    uint32_t cfa_register;
    int64_t cfa_offset;
    const uint8_t *cfa_expression; /* NULL: register + offset */
    bool signal_frame;
    struct smp_cfi_rule rules[SMP_REGISTERS];
};

/* The row that holds at `address`. False if nothing describes it, or in a way not known here. */
bool smp_cfi_find(uintptr_t address, struct smp_cfi_row *ret_row);
