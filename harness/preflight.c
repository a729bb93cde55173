#include "preflight.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "preflight_elf.h"
#include "proc.h"

enum { SCRIPT_DEPTH = 5 }; /* as the kernel follows #! */

const char *sm_preflight_text(enum sm_preflight_kind kind) {
    static const char *const texts[] = {
#define X(id, text) text,
        SM_PREFLIGHT_TABLE(X)
#undef X
    };
    return texts[kind];
}

/* Joins "dir/name"; an empty dir is the current directory, as exec has it. */
static int candidate(const char *dir, size_t dir_bytes, const char *name, char file[PATH_MAX]) {
    int used =
        snprintf(file, PATH_MAX, "%.*s%s%s", (int)dir_bytes, dir, dir_bytes ? "/" : "", name);
    return used < 0 || used >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int may_execute(const char *file) {
    struct stat st;
    if (stat(file, &st))
        return -errno;
    return S_ISREG(st.st_mode) && access(file, X_OK) == 0 ? 0 : -EACCES;
}

int sm_preflight_find(const char *name, const char *path_list, char ret_file[PATH_MAX]) {
    char file[PATH_MAX];
    int found_unfit = 0;
    if (strchr(name, '/')) {
        int rc = candidate("", 0, name, ret_file);
        return rc ? rc : may_execute(ret_file) == -EACCES ? -EACCES : 0;
    }
    ret_file[0] = '\0';
    const char *dir = path_list ? path_list : "/bin:/usr/bin";
    while (name[0] && dir) {
        const char *end = strchrnul(dir, ':');
        int rc = candidate(dir, (size_t)(end - dir), name, file);
        if (rc == 0)
            rc = may_execute(file);
        if (rc == 0 || (rc == -EACCES && !found_unfit))
            memcpy(ret_file, file, strlen(file) + 1);
        if (rc == 0)
            return 0;
        found_unfit |= rc == -EACCES;
        dir = *end ? end + 1 : NULL;
    }
    return found_unfit ? -EACCES : -ENOENT;
}

/* The first word after #!. -ENOENT when the file is no script. */
static int script_interpreter(const char *path, char ret_interpreter[PATH_MAX]) {
    char line[PATH_MAX];
    ssize_t length = sm_proc_read(path, line, sizeof line);
    if (length < 0)
        return (int)length;
    if (strncmp(line, "#!", 2) != 0)
        return -ENOENT;
    char *word = line + 2 + strspn(line + 2, " \t");
    word[strcspn(word, " \t\r\n")] = '\0';
    if (!word[0])
        return -ENOENT;
    memcpy(ret_interpreter, word, strlen(word) + 1);
    return 0;
}

int sm_preflight_interpreter(const char *path, char ret_interpreter[PATH_MAX]) {
    struct sm_elf_facts facts;
    int rc = script_interpreter(path, ret_interpreter);
    if (rc != -ENOENT)
        return rc;
    rc = sm_elf_read(path, &facts);
    if (rc)
        return rc;
    if (!facts.interpreter[0])
        return -ENOENT;
    memcpy(ret_interpreter, facts.interpreter, strlen(facts.interpreter) + 1);
    return 0;
}

/* The system starts such a program in a mode in which the loader ignores LD_PRELOAD. */
static int has_privileges(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0) {
        if ((st.st_mode & S_ISUID) && st.st_uid != geteuid())
            return 1;
        if ((st.st_mode & S_ISGID) && st.st_gid != getegid())
            return 1;
    }
    return geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

static enum sm_preflight_kind judge(const char *path, const struct sm_elf_facts *facts) {
    const char *base = strrchr(facts->interpreter, '/');
    if (!facts->is_elf)
        return SM_PREFLIGHT_NOT_ELF;
    if (facts->is_other_class)
        return SM_PREFLIGHT_OTHER_CLASS;
    if (facts->is_other_machine)
        return SM_PREFLIGHT_OTHER_MACHINE;
    if (!facts->interpreter[0])
        return facts->is_go ? SM_PREFLIGHT_GO : SM_PREFLIGHT_STATIC;
    if (strncmp(base ? base + 1 : facts->interpreter, "ld-musl", 7) == 0)
        return SM_PREFLIGHT_MUSL;
    if (has_privileges(path))
        return SM_PREFLIGHT_SETUID;
    if (facts->is_go)
        return SM_PREFLIGHT_GO;
    if (facts->defines_malloc || facts->allocator)
        return SM_PREFLIGHT_OWN_ALLOCATOR;
    return SM_PREFLIGHT_OK;
}

static void write_note(struct sm_preflight *preflight, const struct sm_elf_facts *facts) {
    if (preflight->kind == SM_PREFLIGHT_OK)
        return;
    if (!preflight->probe_loads) {
        snprintf(preflight->note, sizeof preflight->note,
                 "%s; no live heap, sites, slack, read and written bytes or declared work",
                 sm_preflight_text(preflight->kind));
        return;
    }
    snprintf(preflight->note, sizeof preflight->note, "%s%s%s%s; %s",
             sm_preflight_text(preflight->kind), facts->allocator ? " (" : "",
             facts->allocator ? facts->allocator : "", facts->allocator ? ")" : "",
             preflight->kind == SM_PREFLIGHT_GO
                 ? "live heap, slack and sites cover only what its C parts allocate"
                 : "live heap, slack and sites may be missing");
}

int sm_preflight(const char *path, struct sm_preflight *ret_preflight, struct sm_error *err) {
    struct sm_preflight preflight = {0};
    struct sm_elf_facts facts;
    char next[PATH_MAX];
    int rc = candidate("", 0, path, preflight.program);
    for (int depth = 0; rc == 0 && depth < SCRIPT_DEPTH; depth++) {
        rc = script_interpreter(preflight.program, next);
        if (rc == 0)
            memcpy(preflight.program, next, sizeof next);
    }
    if (rc == -ENOENT && access(preflight.program, F_OK) == 0)
        rc = 0;
    if (rc == 0)
        rc = sm_elf_read(preflight.program, &facts);
    if (rc)
        return sm_error_errno(err, rc, path, NULL, "the program cannot be examined");
    preflight.kind = judge(preflight.program, &facts);
    preflight.probe_loads = preflight.kind == SM_PREFLIGHT_OK ||
                            preflight.kind == SM_PREFLIGHT_OWN_ALLOCATOR ||
                            (preflight.kind == SM_PREFLIGHT_GO && facts.interpreter[0]);
    memcpy(preflight.interpreter, facts.interpreter, sizeof facts.interpreter);
    write_note(&preflight, &facts);
    *ret_preflight = preflight;
    return 0;
}
