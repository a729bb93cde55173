"""The cures of the probe's traps, each with how to take it out and the tests that must then fail.
mutate.py does so. Whoever moves a cure moves it here too: hosts.mutations tells."""
import os
import re
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAP = "probes/spillmark-probe.map"


@dataclass
class Mutation:
    name: str
    trap: str
    edits: list  # of (file, text that is there once, text in its place)
    tests: str   # regular expression of those of which at least one must fail


def one(name, trap, file, old, new, tests):
    return Mutation(name, trap, [(file, old, new)], tests)


MUTATIONS = [
    Mutation("loader-lock", "an unwinder that asks the loader deadlocks with dlopen", [
        ("probes/object.c", "#include <string.h>\n", """#include <string.h>

static int sought(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + header->p_vaddr, at = *(const uintptr_t *)argument;
        if (header->p_type == PT_LOAD && at >= low && at < low + header->p_memsz) {
            return 1;
        }
    }
    return 0;
}
"""),
        ("probes/object.c", "    if (_dl_find_object((void *)address, &found) != 0) {\n",
         "    if (dl_iterate_phdr(sought, &address) == 0 ||\n"
         "        _dl_find_object((void *)address, &found) != 0) {\n"),
    ], "hosts.dlopen"),
    one("claim-without-exchange", "two processes that claim at once get one slot",
        "probes/pool.c", """            __atomic_compare_exchange_n(&claims[i].pid, &nobody, pid, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {""",
        """            (__atomic_store_n(&claims[i].pid, pid, __ATOMIC_RELAXED), nobody == 0)) {""",
        "hosts.claims"),
    one("one-slot-for-all", "a wrapper and its program share a slot",
        "probes/pool.c", "        if (__atomic_load_n(&claims[i].pid, __ATOMIC_RELAXED) == 0 &&\n",
        "        if (i == 0) {\n            *ret_index = 0;\n            claims[0].pid = pid;\n"
        "            return 0;\n        }\n"
        "        if (__atomic_load_n(&claims[i].pid, __ATOMIC_RELAXED) == 0 &&\n",
        "hosts.wrapper"),
    one("fork-unnoticed", "a forked child counts into its parent's slot",
        "probes/home.c", "smp_raw_madvise((void *)at, bytes, MADV_WIPEONFORK)",
        "smp_raw_madvise((void *)at, bytes, MADV_NORMAL)", "hosts.fork"),
    Mutation("clone-unnoticed", "a raw clone passes libc's handlers of fork", [
        ("probes/home.c", "smp_raw_madvise((void *)at, bytes, MADV_WIPEONFORK)",
         "smp_raw_madvise((void *)at, bytes, MADV_NORMAL)"),
        ("probes/boot.c", "static void after_fork(void) {\n", """static void after_fork(void) {
    for (uint32_t i = 0; i < SPILLMARK_THREADS; i++) {
        smp_home->selves[i] = (struct smp_self){0};
    }
    memset(smp_home + 1, 0, 8ul * (smp_home->stack_index.mask + 1ul));
    atomic_store(&smp_home->ready, SMP_COLD);
"""),
    ], "hosts.fork"),
    one("late-child", "a child that claims late starts with what its parent allocated since",
        "probes/hooks_process.c", "    smp_slot_before_fork();\n", "", "hosts.fork"),
    one("vfork-owner", "a vfork's child closes its parent's descriptors",
        "probes/slot.c",
        "    return smp_phase() == SMP_ON && smp_follow_fork() && smp_home->pid == smp_raw_getpid();",
        "    return smp_phase() == SMP_ON && smp_follow_fork();", "hosts.spawn"),
    one("operators-through-malloc", "operators new that pass malloc by are not counted",
        "probes/boot.c", "    smp_operators_find(heap);\n", "    (void)smp_operators_find;\n",
        "hosts.operators-(tcmalloc|jemalloc)"),
    one("foreign-blocks", "blocks of another allocator are counted and asked",
        "probes/boot.c", "        smp_real_find_foreign(heap);\n", "", "hosts.foreign-blocks"),
    one("hidden-allocator", "an allocator in the executable hides everything, unsaid",
        "probes/boot.c", "    if (hidden_allocator(heap)) {\n",
        "    if (false && hidden_allocator(heap)) {\n",
        "hosts.own-malloc"),
    one("musl-child", "a child linked to musl does not start",
        "probes/boot.c", "#pragma weak dladdr1\n", "", "e2e.outside"),
    one("preflight-own-allocator", "an allocator in the executable is not seen before the start",
        "harness/preflight_elf.c", "        facts->defines_malloc = 1;\n", "        (void)facts;\n",
        "unit.preflight"),
    one("preflight-static", "a static program is not seen before the start",
        "harness/preflight.c", "    if (!facts->interpreter[0])\n        return facts->is_go",
        "    if (!facts->interpreter[0] && facts->is_go)\n        return facts->is_go",
        "unit.preflight"),
    one("preflight-musl", "musl's loader is not seen before the start",
        "harness/preflight.c", '"ld-musl", 7) == 0)', '"ld-mussel", 9) == 0)', "unit.preflight"),
    one("preflight-go", "a Go program is not seen before the start",
        "harness/preflight_elf.c", "            facts->is_go = 1;\n", "            (void)facts;\n",
        "unit.preflight"),
    one("preflight-setuid", "a setuid program is not seen before the start",
        "harness/preflight.c", "(st.st_mode & S_ISUID) &&", "0 &&", "unit.preflight"),
    one("preflight-setgid", "a setgid program is not seen before the start",
        "harness/preflight.c", "(st.st_mode & S_ISGID) &&", "0 &&", "unit.preflight"),
    one("preflight-capabilities", "a program with file capabilities is not seen before the start",
        "harness/preflight.c", "getxattr(path, \"security.capability\", NULL, 0) > 0", "0",
        "unit.preflight"),
    one("preflight-32-bit", "a 32-bit program is not seen before the start",
        "harness/preflight_elf.c", "ident[EI_CLASS] != ELFCLASS64;", "0;", "unit.preflight"),
    one("split-addition", "an addition loses its count to a signal handler",
        "probes/self.h", """    __asm__("addq %1, %0" : "+m"(*counter) : "er"(value) : "cc");""",
        "    uint64_t before = *(volatile uint64_t *)counter;\n"
        "    *(volatile uint64_t *)counter = before + value;", "hosts.steps"),
    one("map-over", "what is mapped over is still held by who had it",
        "probes/maps.c", "    cut(noting, range, UINT64_MAX);\n", "", "hosts.maps"),
    one("map-newer", "what another thread maps at a place just given back is taken for what went",
        "probes/spans.c", "        if (span->turn > turn) {\n", "        if (false) {\n",
        "unit.probe-spans"),
    one("map-full", "what found no room in the table is counted as mapped for ever",
        "probes/maps.c",
        "        noting->gone_bytes += take_unplaced(change->unmapped.bytes - noting->gone_bytes);\n",
        "", "hosts.maps-full"),
    Mutation("map-child", "a child of vfork maps into its parent, and is not counted", [
        ("probes/maps.c", '#include "self.h"\n', '#include "self.h"\n#include "slot.h"\n'),
        ("probes/maps.c", "    if (smp_phase() != SMP_ON || !smp_feature(SPILLMARK_FEATURE_MAPS) ||\n",
         "    if (!smp_is_owner() || !smp_feature(SPILLMARK_FEATURE_MAPS) ||\n"),
    ], "hosts.maps$"),
    one("realloc-size-after", "realloc counts as freed what the new block holds",
        "probes/sample.c", "    count(self, true, object->bytes + SPILLMARK_CHUNK_EXTRA_BYTES);\n",
        "    count(self, true, object->bytes + SPILLMARK_CHUNK_EXTRA_BYTES + 16);\n",
        "hosts.exact$"),
    one("realloc-size-unsampled", "realloc counts as freed what the new block holds",
        "probes/heap.c", "    if (__builtin_expect(!smp_freed(old_chunk_bytes), 0)) {",
        "    if (__builtin_expect(!smp_freed(old_chunk_bytes + 16), 0)) {", "hosts.exact-sampled"),
    one("realloc-failed", "a realloc that fails loses the block's record",
        "probes/heap.c", "        smp_realloc_failed(&old);\n", "        (void)smp_realloc_failed;\n",
        "hosts.exact$"),
    one("realloc-late", "realloc's old block is forgotten after another thread has got it",
        "probes/heap.c", """    smp_realloc_before(&old, block);
    void *moved = smp_real.realloc(block, bytes);
""", """    smp_realloc_before(&old, NULL);
    size_t late_bytes = smp_size_of(block);
    void *moved = smp_real.realloc(block, bytes);
    old.bytes = late_bytes;
""", "hosts.exact$"),
    one("memory-of-the-probe", "the slot counts as the target's memory",
        "harness/sampler_proc.c",
        "    figures.shared_bytes = strtoull(next, &next, 10) * (uint64_t)page_bytes();\n", "",
        "unit.sampler$"),
    Mutation("slot-under-the-limit", "the slot takes of the target's limit of memory", [
        ("harness/execution_limit.c",
         "    sm_limit_allow(execution->limit, sm_sampler_charged_bytes(execution->sampler));\n",
         "    sm_limit_allow(execution->limit, 0);\n"),
        ("harness/sampler.c", "(rc = sm_pool_populate(sampler->pool))", "(rc = 0)"),
    ], "e2e.limits$"),
    one("no-address-space", "RLIMIT_AS leaves no room for a child's slot, and it dies",
        "probes/slot.c", """    if (child == NULL) {
        smp_pool_release(index);
        go_without(SPILLMARK_OFF_MAP);
        return;
    }
""", "", "hosts.no-address-space"),
    one("length-first", "readers meet half-written stacks",
        "probes/stacks.c", "    stack->hash = walked->hash;\n    stack->first_frame = first;\n",
        "    *(volatile uint32_t *)&stack->depth = walked->depth;\n"
        "    stack->hash = walked->hash;\n    stack->first_frame = first;\n", "hosts.steps"),
    one("entries-left-behind", "what a block held is found again where it is used next",
        "probes/regions.c", "    memset(entries, 0, smp_block_words[class] * sizeof *entries);\n",
        "    (void)memset;\n", "hosts.(exact$|full-region)"),
    one("own-frames", "stacks begin with the probe's own frames",
        "probes/own.c", "    return address -", "    return false && address -", "hosts.steps"),
    one("modules-at-start", "modules are not listed",
        "probes/boot.c", "    smp_modules_boot();\n", "", "hosts.(reload|steps|exact$)"),
    one("modules-opened", "modules that were opened meanwhile are not listed",
        "probes/stacks.c", "    smp_modules_cover(walked->frames, walked->depth);\n", "",
        "hosts.(reload|dlopen)"),
    one("modules-closed", "modules that were closed are not told from the next ones there",
        "probes/hooks_loader.c", "        smp_modules_check();\n", "", "hosts.reload"),
    one("rules-kept", "frames of a closed library are read as the next one's",
        "probes/hooks_loader.c", "        smp_unwind_forget();\n", "", "hosts.reload"),
    one("modules-pile-up", "a plugin that comes and goes fills the table",
        "probes/modules.c", "module == NULL && range.high != 0 && !revive(info, range)",
        "module == NULL && range.high != 0 && (revive, true)", "hosts.reload"),
    one("brings-an-unwinder", "the target gets the probe's _Unwind functions",
        "probes/CMakeLists.txt", "  -static-libgcc)",
        "  -static-libgcc -Wl,--no-as-needed -l:libunwind.so.8)",
        "hosts.(early|operators)"),
    one("one-file-for-two", "parent and child overwrite one file",
        "probes/pool.c", "    smp_append_number(path, size, smp_raw_getpid());\n",
        "    (void)smp_append_number;\n", "hosts.alone"),
    one("thread-lost", "an ended thread's counts go with it",
        "probes/self.c", "    block->thread_id = smp_raw_gettid();\n",
        "    block->thread_id = smp_raw_gettid();\n"
        "    block->alloc_chunk_bytes = block->alloc_count = 0;\n"
        "    block->free_chunk_bytes = block->free_count = 0;\n", "hosts.threads"),
    one("block-kept", "an ended thread's block is not given back",
        "probes/self.c", "        __atomic_store_n(&block->in_use, 0, __ATOMIC_RELEASE);\n"
        "        smp_guard_leave(&guard);\n", "        smp_guard_leave(&guard);\n",
        "hosts.threads"),
    one("guard-left-behind", "a longjmp out of the probe leaves it shut for ever",
        "probes/self.h", "    if (guard->frame < smp_guard_frame) {",
        "    if (smp_guard_frame != 0) {", "hosts.jump"),
    one("no-guard", "the probe meets itself",
        "probes/self.h", "    if (guard->frame < smp_guard_frame) {", "    if (false) {",
        "hosts.steps"),
    one("errno-of-the-kernel", "asking whether a page can be read changes errno",
        "probes/unwind.c", "        if (smp_raw6(SYS_rt_sigprocmask, ~0L, (long)address, 0, 8, 0, 0) == -EFAULT) {\n",
        "        if (syscall(SYS_rt_sigprocmask, ~0L, (long)address, 0, 8) < 0 && errno == EFAULT) {\n",
        "hosts.(steps|coroutines|exact$)"),
    one("arena-freed", "what was allocated before the boot reaches the real free",
        "probes/sample.c", "void free_asking(void *block) {\n    if (smp_arena_holds(block)) {",
        "void free_asking(void *block) {\n    if (block == NULL) {", "hosts.(arena|early)"),
    one("arena-quickly-freed", "what was allocated before the boot reaches the real free by the quick path",
        "probes/heap.h", "__builtin_expect((word & SMP_CHUNK_MAPPED) != 0, 0)", "__builtin_expect(word == 0, 0)",
        "hosts.arena-quick"),
    one("small-maps", "chunks that are small and mapped by themselves are taken for others",
        "probes/boot.c", "has_small_maps || small_maps_wanted();", "has_small_maps && small_maps_wanted();",
        "hosts.exact-small-maps-sampled"),
    one("small-maps-unseen", "a threshold that the program sets is not noticed",
        "probes/heap.c", "value < SMP_MAPPED_LEAST_BYTES", "value < 0", "hosts.small-maps-sampled"),
    one("told-twice", "the block is counted twice whose allocator is first found to count by itself",
        "probes/sample.c", "self->alloc_offset = bytes - alloc_now +",
        "self->alloc_offset = 0 - alloc_now +", "hosts.exact-jemalloc$"),
    one("told-wraps", "a thread that has allocated nothing before never comes to its first sample",
        "probes/sample.c", "(int64_t)(self->told_event - now) < 0", "self->told_event < now",
        "hosts.mixture-jemalloc"),
    one("second-look-blind", "a sampled block is freed unnoticed",
        "probes/sample.c", "!smp_live_likely((uintptr_t)block)) {\n        smp_real", "true) {\n        smp_real",
        "hosts.(estimates|oracle|exact-sampled)"),
    one("arena-misaligned", "aligned blocks from before the boot are not",
        "probes/arena.c", "    uintptr_t at = (uintptr_t)smp_arena + before",
        "    uintptr_t at = ((uintptr_t)smp_arena & ~4095ul) + before", "hosts.arena"),
    one("arena-told", "what was allocated before the boot is freed where the allocator counts",
        "probes/sample.c", "smp_arena_is_used || block == NULL", "block == NULL", "hosts.arena-told"),
    one("arena-size-of-others", "the size of what was allocated before the boot is asked of the real allocator",
        "probes/boot.c", "    if (!smp_arena_is_used) {", "    {", "hosts.arena"),
    one("threshold-raised", "trying out glibc's chunks, the probe has the program's larger blocks not mapped any more",
        "probes/boot.c", "heap->realloc(block, 1)", "NULL", "hosts.small-maps-aligned"),
    one("small-map-of-realloc", "what realloc leaves of a mapped chunk is taken for another",
        "probes/heap.c", "smp_realloc_after(&old);\n    return smp_allocated_anyhow(moved);",
        "smp_realloc_after(&old);\n    return smp_allocated(moved);", "hosts.small-maps-aligned"),
    one("small-map-aligned", "the small rest of a mapped chunk behind a large alignment is taken for another",
        "probes/heap.c", "foreign ? block : smp_allocated_anyhow(block)", "foreign ? block : smp_allocated(block)",
        "hosts.small-maps-aligned"),
    one("bytes-of-nobody", "reads and writes before the boot go by classes that are not there yet",
        "probes/descriptors.h", "    if (block != NULL && self->life == smp_process.io_life",
        "    if (self->life == smp_process.io_life", "hosts.(early|arena)"),
    Mutation("beyond-the-table", "a full table is written past its end", [
        ("probes/blocks.c", "        uint32_t left = section->capacity - used;\n",
         "        uint32_t left = section->capacity + 64 * EXTENT_WORDS - used;\n"),
        ("probes/blocks.c", "        if (used >= section->capacity || taken == 0) {\n",
         "        if (taken == 0) {\n"),
    ], "hosts.full-region"),
    one("far-code", "stacks end where code made at run time calls such code far away",
        "probes/unwind.c", "        !leads_to_code(&q->readable, q->bp + 16, bp)) {",
        "        (leads_to_code, true)) {", "hosts.jit"),
    one("bare-code", "stacks end in code made at run time that keeps no frame pointer",
        "probes/unwind.c", "further = step_frame_pointer(q) || step_bare(q);",
        "further = step_frame_pointer(q) || (step_bare, false);", "hosts.jit"),
    one("readable-unasked", "a walk along a foreign stack reads where nothing is",
        "probes/unwind.c", "    if (address / PAGE != readable->page) {\n",
        "    if (false) {\n", "hosts.(coroutines|real)|unit.probe-unwind"),
]


def names_of_map():
    with open(os.path.join(ROOT, MAP), encoding="utf-8") as file:
        exported = file.read().split("global:")[1].split("local:")[0]
    return re.findall(r"[\w]+", exported)


HEAP = re.compile(r"malloc|calloc|realloc|reallocarray|free|posix_memalign|aligned_alloc|memalign|"
                  r"valloc|pvalloc|malloc_usable_size")


def entries():
    """One mutation for each entry point: its hook is not exported. What the harness calls itself
    (e2e.attach) is none."""
    for name in names_of_map():
        if name in ("spillmark_inject", "spillmark_withdraw"):
            continue
        if name.startswith("_Z"):
            tests = "hosts.(operators|mixture|together)-tcmalloc"
        elif HEAP.fullmatch(name):
            tests = "hosts.(exact|exact-mimalloc|arena|early)$"
        else:
            tests = "hosts.(descriptors|variants|marks|control|spawn|exec|fork|reload|early)$"
        yield Mutation("entry-" + name, f"{name} has no hook",
                       [(MAP, rf"\b{name};", "")], tests)
