/* What kind of program a file is, told from real files, made ones and broken ones. */
#include <elf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/preflight.h"
#include "harness/preflight_elf.h"
#include "harness/run_dir.h"

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#else
enum { MACHINE = EM_AARCH64 };
#endif

static char scratch[256], file[300];

/* An ELF file of everything that is looked at: an interpreter, a dynamic segment, a symbol. */
struct made {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    Elf64_Shdr sections[4];
    Elf64_Sym symbols[2];
    char interpreter[32];
    char names[64];
    char strings[64];
};

static struct made make(const char *interpreter, const char *symbol, const char *section) {
    struct made made = {0};
    memcpy(made.header.e_ident, ELFMAG, SELFMAG);
    made.header.e_ident[EI_CLASS] = ELFCLASS64;
    made.header.e_ident[EI_DATA] = ELFDATA2LSB;
    made.header.e_machine = MACHINE;
    made.header.e_phoff = offsetof(struct made, segments);
    made.header.e_phentsize = sizeof(Elf64_Phdr);
    made.header.e_phnum = 2;
    made.header.e_shoff = offsetof(struct made, sections);
    made.header.e_shentsize = sizeof(Elf64_Shdr);
    made.header.e_shnum = 4;
    made.header.e_shstrndx = 1;
    made.segments[1].p_type = PT_DYNAMIC;
    if (interpreter) {
        made.segments[0].p_type = PT_INTERP;
        made.segments[0].p_offset = offsetof(struct made, interpreter);
        made.segments[0].p_filesz = strlen(interpreter) + 1;
        snprintf(made.interpreter, sizeof made.interpreter, "%s", interpreter);
    }
    snprintf(made.names + 1, sizeof made.names - 1, "%s", section);
    snprintf(made.strings + 1, sizeof made.strings - 1, "%s", symbol);
    made.sections[0].sh_name = 1;
    made.sections[1] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                                    .sh_offset = offsetof(struct made, names),
                                    .sh_size = sizeof made.names};
    made.sections[2] = (Elf64_Shdr){.sh_type = SHT_DYNSYM,
                                    .sh_offset = offsetof(struct made, symbols),
                                    .sh_size = sizeof made.symbols,
                                    .sh_entsize = sizeof(Elf64_Sym),
                                    .sh_link = 3};
    made.sections[3] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                                    .sh_offset = offsetof(struct made, strings),
                                    .sh_size = sizeof made.strings};
    made.symbols[1] = (Elf64_Sym){.st_name = 1, .st_shndx = 1};
    return made;
}

static const char *write_file(const void *bytes, size_t length, mode_t mode) {
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, length, out), length);
    fclose(out);
    assert_int_equal(chmod(file, mode), 0);
    return file;
}

static struct sm_preflight look_at(const struct made *made) {
    struct sm_preflight preflight;
    assert_int_equal(sm_preflight(write_file(made, sizeof *made, 0755), &preflight, NULL), 0);
    return preflight;
}

static void expect(const struct made *made, enum sm_preflight_kind kind, int probe_loads) {
    struct sm_preflight preflight = look_at(made);
    assert_int_equal(preflight.kind, kind);
    assert_int_equal(preflight.probe_loads, probe_loads);
    assert_int_equal(preflight.note[0] == '\0', kind == SM_PREFLIGHT_OK);
    assert_non_null(strstr(preflight.note, sm_preflight_text(kind)));
}

static void test_kinds(void **state) {
    (void)state;
    struct made made = make("/lib64/ld-linux-x86-64.so.2", "main", ".text");
    expect(&made, SM_PREFLIGHT_OK, 1);
    made = make(NULL, "main", ".text");
    expect(&made, SM_PREFLIGHT_STATIC, 0);
    made = make(NULL, "main", ".gopclntab");
    expect(&made, SM_PREFLIGHT_GO, 0);
    made = make("/lib64/ld-linux-x86-64.so.2", "main", ".note.go.buildid");
    expect(&made, SM_PREFLIGHT_GO, 1);
    made = make("/lib/ld-musl-x86_64.so.1", "main", ".text");
    expect(&made, SM_PREFLIGHT_MUSL, 0);
    made = make("/lib64/ld-linux-x86-64.so.2", "malloc", ".text");
    expect(&made, SM_PREFLIGHT_OWN_ALLOCATOR, 1);
    made.symbols[1].st_shndx = SHN_UNDEF; /* only used, not defined */
    expect(&made, SM_PREFLIGHT_OK, 1);
    made = make("/lib64/ld-linux-x86-64.so.2", "mallctl", ".text");
    assert_non_null(strstr(look_at(&made).note, "(jemalloc)"));
    made.header.e_machine = EM_S390;
    expect(&made, SM_PREFLIGHT_OTHER_MACHINE, 0);
    made.header.e_ident[EI_CLASS] = ELFCLASS32;
    expect(&made, SM_PREFLIGHT_OTHER_CLASS, 0);
    memset(made.header.e_ident, 'x', SELFMAG);
    expect(&made, SM_PREFLIGHT_NOT_ELF, 0);
}

static void test_privileges(void **state) {
    (void)state;
    struct made made = make("/lib64/ld-linux-x86-64.so.2", "main", ".text");
    struct sm_preflight preflight;
    write_file(&made, sizeof made, 0755);
    if (chown(file, 65534, 65534))
        skip();                                   /* only root can give a file away */
    static const mode_t modes[] = {04755, 02755}; /* setuid, setgid */
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(file, modes[i]), 0);
        assert_int_equal(sm_preflight(file, &preflight, NULL), 0);
        assert_int_equal(preflight.kind, SM_PREFLIGHT_SETUID);
        assert_false(preflight.probe_loads);
    }
    assert_int_equal(chmod(file, 0755), 0);
    assert_int_equal(sm_preflight(file, &preflight, NULL), 0);
    assert_int_equal(preflight.kind, SM_PREFLIGHT_OK);
    assert_int_equal(chown(file, geteuid(), getegid()), 0);
}

/* What they give is not more than root has anyway: only others start such a program in the mode in
 * which the loader ignores the preload. */
static void test_file_capabilities(void **state) {
    (void)state;
    const struct vfs_cap_data capabilities = {
        .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
        .data[0].permitted = 1u << CAP_NET_BIND_SERVICE,
    };
    struct made made = make("/lib64/ld-linux-x86-64.so.2", "main", ".text");
    struct sm_preflight preflight;
    write_file(&made, sizeof made, 0755);
    if (setxattr(file, XATTR_NAME_CAPS, &capabilities, sizeof capabilities, 0))
        skip(); /* only root can give them, and not in every file system */
    assert_int_equal(chmod(scratch, 0755), 0);
    assert_int_equal(seteuid(65534), 0);
    int rc = sm_preflight(file, &preflight, NULL);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(rc, 0);
    assert_int_equal(preflight.kind, SM_PREFLIGHT_SETUID);
    assert_false(preflight.probe_loads);
    assert_int_equal(sm_preflight(file, &preflight, NULL), 0);
    assert_int_equal(preflight.kind, SM_PREFLIGHT_OK);
    assert_int_equal(removexattr(file, XATTR_NAME_CAPS), 0);
}

static void test_scripts_are_followed(void **state) {
    (void)state;
    struct sm_preflight preflight;
    char interpreter[PATH_MAX], real[PATH_MAX], found[PATH_MAX];
    static const char script[] = "#! /bin/sh -e\nexit\n";
    write_file(script, sizeof script - 1, 0755);
    assert_int_equal(sm_preflight(file, &preflight, NULL), 0);
    assert_string_equal(preflight.program, "/bin/sh");
    assert_int_equal(preflight.kind, SM_PREFLIGHT_OK);
    assert_int_equal(sm_preflight_interpreter(file, interpreter), 0);
    assert_string_equal(interpreter, "/bin/sh");
    assert_int_equal(sm_preflight_interpreter("/bin/sh", interpreter), 0);
    assert_non_null(realpath(interpreter, real));
    static const char lost[] = "#!/nowhere/sh";
    write_file(lost, sizeof lost - 1, 0755);
    struct sm_error err = {0};
    assert_int_equal(sm_preflight(file, &preflight, &err), -ENOENT);
    assert_string_equal(err.where, file);
    assert_int_equal(sm_preflight_find("sh", "/nowhere:/bin", found), 0);
    assert_string_equal(found, "/bin/sh");
    assert_int_equal(sm_preflight_find("sh", "/nowhere", found), -ENOENT);
    assert_int_equal(sm_preflight_find("", "/bin", found), -ENOENT);
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(sm_preflight_find(strrchr(file, '/') + 1, scratch, found), -EACCES);
    assert_string_equal(found, file);
}

static void test_broken_files_do_no_harm(void **state) {
    (void)state;
    const struct made good = make("/lib64/ld-linux-x86-64.so.2", "malloc", ".go.buildid");
    struct sm_preflight preflight;
    unsigned seed = 11;
    for (int round = 0; round < 3000; round++) {
        struct made bad = good;
        for (int i = 0; i < 1 + round % 4; i++)
            ((unsigned char *)&bad)[(size_t)rand_r(&seed) % sizeof bad] ^=
                (unsigned char)(1 << rand_r(&seed) % 8);
        size_t length = round % 3 ? sizeof bad : (size_t)rand_r(&seed) % sizeof bad;
        write_file(&bad, length, 0755);
        if (sm_preflight(file, &preflight, NULL) == 0)
            assert_true(strlen(preflight.interpreter) < sizeof preflight.interpreter);
    }
    /* Counts and offsets at their ends. */
    struct made bad = good;
    bad.header.e_phoff = UINT64_MAX - 10;
    bad.header.e_shoff = UINT64_MAX - 10;
    write_file(&bad, sizeof bad, 0755);
    assert_int_equal(sm_preflight(file, &preflight, NULL), 0);
    bad = good;
    bad.sections[2].sh_size = UINT64_MAX;
    bad.segments[0].p_filesz = UINT64_MAX;
    write_file(&bad, sizeof bad, 0755);
    assert_int_equal(sm_preflight(file, &preflight, NULL), 0);
}

static int set_up(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/preflight-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch))
        return -1;
    snprintf(file, sizeof file, "%s/program", scratch);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return sm_remove_tree(scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_privileges),
        cmocka_unit_test(test_file_capabilities),
        cmocka_unit_test(test_scripts_are_followed),
        cmocka_unit_test(test_broken_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
