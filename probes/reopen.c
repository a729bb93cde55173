#include "reopen.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

#include "exports.h"
#include "object.h"
#include "patch.h"
#include "process.h"

/* Where dlopen goes back to must lie in the object that called it: at any instruction `ret` there,
 * which then goes back to us. The program's own function ends with one soon after the call. */
uintptr_t smp_reopen_ret(uintptr_t caller) __attribute__((used, visibility("hidden")));
uintptr_t smp_reopen_ret(uintptr_t caller) {
    enum { RET = 0xc3, FAR = 1 << 20 };
    struct dl_phdr_info info;
    if (smp_phase() != SMP_ON || !smp_object_of(caller, &info)) {
        return 0;
    }
    for (int i = 0; i < info.dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info.dlpi_phdr[i];
        uintptr_t low = info.dlpi_addr + header->p_vaddr, high = low + header->p_filesz;
        if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0 || caller < low ||
            caller >= high) {
            continue;
        }
        for (uintptr_t at = caller; at < high && at < caller + FAR; at++) {
            if (*(const unsigned char *)at == RET) {
                return at;
            }
        }
    }
    return 0;
}

void *smp_reopen_real(void) __attribute__((used, visibility("hidden")));
void *smp_reopen_real(void) {
    return smp_export_of("dlopen")->real;
}

/* After dlopen, whose lock patching takes again. A call that failed has its message kept. */
void smp_reopen_done(const void *library) __attribute__((used, visibility("hidden")));
void smp_reopen_done(const void *library) {
    if (library != NULL && smp_phase() == SMP_ON) {
        smp_patch_all();
        dlerror(); /* of functions that were looked up and are nowhere */
    }
}

/* On entry the stack is as the program's call left it: its return address on top. Below it go ours
 * and that of the `ret`, then dlopen is entered by a jump. */
__asm__(".text\n"
        ".globl smp_reopen\n"
        ".hidden smp_reopen\n"
        ".type smp_reopen, @function\n"
        "smp_reopen:\n"
        ".cfi_startproc\n"
        "    pushq %rdi\n"
        ".cfi_adjust_cfa_offset 8\n"
        "    pushq %rsi\n"
        ".cfi_adjust_cfa_offset 8\n"
        "    subq $8, %rsp\n"
        ".cfi_adjust_cfa_offset 8\n"
        "    movq 24(%rsp), %rdi\n"
        "    call smp_reopen_ret\n"
        "    movq %rax, (%rsp)\n"
        "    call smp_reopen_real\n"
        "    movq (%rsp), %rdx\n"
        "    addq $8, %rsp\n"
        ".cfi_adjust_cfa_offset -8\n"
        "    popq %rsi\n"
        ".cfi_adjust_cfa_offset -8\n"
        "    popq %rdi\n"
        ".cfi_adjust_cfa_offset -8\n"
        "    testq %rdx, %rdx\n"
        "    jz 1f\n"
        "    leaq 2f(%rip), %rcx\n"
        "    pushq %rcx\n"
        ".cfi_adjust_cfa_offset 8\n"
        "    pushq %rdx\n"
        ".cfi_adjust_cfa_offset 8\n"
        "1:  jmp *%rax\n"
        ".cfi_adjust_cfa_offset -16\n"
        "2:  pushq %rax\n"
        ".cfi_adjust_cfa_offset 8\n"
        "    movq %rax, %rdi\n"
        "    call smp_reopen_done\n"
        "    popq %rax\n"
        ".cfi_adjust_cfa_offset -8\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size smp_reopen, .-smp_reopen\n");
