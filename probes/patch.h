/* patch.h - leading the calls of a running program to the hooks.
 *
 * A program that was started with the probe finds the hooks by the loader's order of search. One
 * that runs already has its addresses: they stand in the relocated words of every loaded object,
 * for calls (JUMP_SLOT) and for pointers that are taken (GLOB_DAT, 64). Each that holds the real
 * function, or is to be bound to it at the first call, is given the hook's address; its page is
 * made writable for that where the loader had made it read-only (RELRO). All are put back in the
 * end. Pointers that the program copied elsewhere are not found: calls through them are not
 * seen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Patches what is not patched yet in every object that is loaded now, except the allocator and the
 * probe. Takes the loader's lock: only where dlopen may be called. One thread at a time; others
 * leave their wish to it. Keeps errno. */
void smp_patch_all(void);

/* Puts everything back. False, and nothing is done, while another thread (or the caller, below) is
 * patching. No lock of others is taken. */
bool smp_patch_undo(void);

/* How many words lead to hooks. */
uint32_t smp_patch_count(void);
