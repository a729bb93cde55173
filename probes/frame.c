#include "frame.h"

#include <string.h>

#include "leb128.h"

enum { STACK_MAX = 16 };

struct evaluation {
    const struct smp_frame *frame;
    smp_read_word *read;
    void *context;
    uint64_t stack[STACK_MAX];
    unsigned depth;
};

static bool push(struct evaluation *e, uint64_t value) {
    if (e->depth == STACK_MAX) {
        return false;
    }
    e->stack[e->depth++] = value;
    return true;
}

static bool binary(struct evaluation *e, uint8_t opcode) {
    if (e->depth < 2) {
        return false;
    }
    uint64_t b = e->stack[--e->depth];
    uint64_t *a = &e->stack[e->depth - 1];
    switch (opcode) {
    case 0x1a: /* and */
        *a &= b;
        return true;
    case 0x1c: /* minus */
        *a -= b;
        return true;
    case 0x21: /* or */
        *a |= b;
        return true;
    case 0x22: /* plus */
        *a += b;
        return true;
    case 0x24: /* shl */
        *a = b < 64 ? *a << b : 0;
        return true;
    case 0x25: /* shr */
        *a = b < 64 ? *a >> b : 0;
        return true;
    case 0x2a: /* ge */
        *a = (int64_t)*a >= (int64_t)b;
        return true;
    default:
        return false;
    }
}

static uint64_t constant(const uint8_t **cursor, unsigned bytes, bool is_signed) {
    uint64_t value = 0;
    memcpy(&value, *cursor, bytes);
    *cursor += bytes;
    unsigned unused = 64 - 8 * bytes;
    return is_signed ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
}

/* The operations (DW_OP_*) that unwinding tables are written with: PLT entries, signal frames,
 * realigned stacks. */
static bool operate(struct evaluation *e, uint8_t opcode, const uint8_t **cursor) {
    if (opcode >= 0x30 && opcode <= 0x4f) { /* lit0 to lit31 */
        return push(e, opcode - 0x30u);
    }
    if (opcode >= 0x70 && opcode < 0x70 + SMP_REGISTERS) { /* breg0 to breg16 */
        return push(e, e->frame->registers[opcode - 0x70] + (uint64_t)smp_sleb(cursor));
    }
    switch (opcode) {
    case 0x06: { /* deref */
        uint64_t *top = &e->stack[e->depth - 1];
        return e->depth > 0 && e->read(*top, top, e->context);
    }
    case 0x08:
    case 0x09: /* const1u, const1s */
        return push(e, constant(cursor, 1, opcode == 0x09));
    case 0x0a:
    case 0x0b: /* const2u, const2s */
        return push(e, constant(cursor, 2, opcode == 0x0b));
    case 0x0c:
    case 0x0d: /* const4u, const4s */
        return push(e, constant(cursor, 4, opcode == 0x0d));
    case 0x10: /* constu */
        return push(e, smp_uleb(cursor));
    case 0x11: /* consts */
        return push(e, (uint64_t)smp_sleb(cursor));
    case 0x12: /* dup */
        return e->depth > 0 && push(e, e->stack[e->depth - 1]);
    case 0x23: /* plus_uconst */
        if (e->depth == 0) {
            return false;
        }
        e->stack[e->depth - 1] += smp_uleb(cursor);
        return true;
    default:
        return binary(e, opcode);
    }
}

/* `initial` is what rules of registers start from: the CFA. */
static bool evaluate(const struct smp_frame *frame, const uint8_t *expression,
                     const uint64_t *initial, smp_read_word *read, void *context,
                     uint64_t *ret_value) {
    struct evaluation e = {.frame = frame, .read = read, .context = context};
    const uint8_t *cursor = expression;
    uint64_t length = smp_uleb(&cursor);
    const uint8_t *end = cursor + length;
    if (initial != NULL) {
        push(&e, *initial);
    }
    while (cursor < end) {
        uint8_t opcode = *cursor++;
        if (!operate(&e, opcode, &cursor)) {
            return false;
        }
    }
    if (e.depth == 0) {
        return false;
    }
    *ret_value = e.stack[e.depth - 1];
    return true;
}

static bool recover(const struct smp_frame *frame, const struct smp_cfi_rule *rule, uint64_t cfa,
                    unsigned reg, smp_read_word *read, void *context, uint64_t *ret_value) {
    switch (rule->kind) {
    case SMP_CFI_SAME:
    case SMP_CFI_UNDEFINED:
        *ret_value = frame->registers[reg];
        return true;
    case SMP_CFI_OFFSET:
        return read(cfa + (uint64_t)rule->value, ret_value, context);
    case SMP_CFI_VAL_OFFSET:
        *ret_value = cfa + (uint64_t)rule->value;
        return true;
    case SMP_CFI_REGISTER:
        *ret_value = frame->registers[rule->value < SMP_REGISTERS ? rule->value : SMP_RSP];
        return rule->value < SMP_REGISTERS;
    case SMP_CFI_EXPRESSION: {
        uint64_t at;
        return evaluate(frame, rule->expression, &cfa, read, context, &at) &&
               read(at, ret_value, context);
    }
    case SMP_CFI_VAL_EXPRESSION:
        return evaluate(frame, rule->expression, &cfa, read, context, ret_value);
    }
    return false;
}

bool smp_frame_step(struct smp_frame *frame, smp_read_word *read, void *context) {
    struct smp_cfi_row row;
    uint64_t address = frame->registers[SMP_RIP] - !frame->exact;
    if (!smp_cfi_find(address, &row) || row.rules[SMP_RIP].kind == SMP_CFI_UNDEFINED ||
        row.rules[SMP_RIP].kind == SMP_CFI_SAME) {
        return false;
    }
    uint64_t cfa;
    if (row.cfa_expression != NULL) {
        if (!evaluate(frame, row.cfa_expression, NULL, read, context, &cfa)) {
            return false;
        }
    } else if (row.cfa_register < SMP_REGISTERS) {
        cfa = frame->registers[row.cfa_register] + (uint64_t)row.cfa_offset;
    } else {
        return false;
    }
    struct smp_frame caller = {.exact = row.signal_frame};
    for (unsigned reg = 0; reg < SMP_REGISTERS; reg++) {
        if (!recover(frame, &row.rules[reg], cfa, reg, read, context, &caller.registers[reg])) {
            return false;
        }
    }
    if (row.rules[SMP_RSP].kind == SMP_CFI_SAME) {
        caller.registers[SMP_RSP] = cfa; /* what the ABI says when no rule does */
    }
    bool further = cfa > frame->registers[SMP_RSP] || row.signal_frame;
    *frame = caller;
    return further && caller.registers[SMP_RIP] > 4096;
}
