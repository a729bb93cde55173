#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int sm_pid_list_add(struct sm_pid_list *list, pid_t pid) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 32;
        pid_t *pids = realloc(list->pids, capacity * sizeof *pids);
        if (!pids)
            return -ENOMEM;
        list->pids = pids;
        list->capacity = capacity;
    }
    list->pids[list->count++] = pid;
    return 0;
}

int sm_pid_list_has(const struct sm_pid_list *list, pid_t pid) {
    for (size_t i = 0; list && i < list->count; i++)
        if (list->pids[i] == pid)
            return 1;
    return 0;
}

void sm_pid_list_free(struct sm_pid_list *list) {
    free(list->pids);
    *list = (struct sm_pid_list){0};
}

int sm_proc_stat_parse(const char *text, struct sm_proc_stat *ret_stat) {
    struct sm_proc_stat stat = {0};
    int parent, group;
    /* The command may hold anything, also parentheses: it ends at the last one. */
    const char *close = strrchr(text, ')');
    if (!close || sscanf(close + 1, " %c %d %d", &stat.state, &parent, &group) != 3)
        return -EBADMSG;
    stat.parent = parent;
    stat.group = group;
    *ret_stat = stat;
    return 0;
}

ssize_t sm_proc_read(const char *path, char *text, size_t text_bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, text, text_bytes - 1);
    int code = errno;
    close(fd);
    if (length < 0)
        return -code;
    text[length] = '\0';
    return length;
}

int sm_proc_stat(pid_t pid, struct sm_proc_stat *ret_stat) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t length = sm_proc_read(path, text, sizeof text);
    return length < 0 ? (int)length : sm_proc_stat_parse(text, ret_stat);
}

bool sm_proc_is_alive(pid_t pid) {
    struct sm_proc_stat stat;
    return sm_proc_stat(pid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X';
}

int sm_proc_status_number(const char *text, const char *name, int n, int base, long *ret_number) {
    const char *at = strstr(text, name);
    if (!at)
        return -ENOENT;
    at += strlen(name);
    for (int i = 0; i <= n; i++) {
        char *end;
        long number = strtol(at, &end, base);
        if (end == at)
            return -ENOENT;
        at = end;
        *ret_number = number;
    }
    return 0;
}

char *sm_exit_text(int wait_status, char *buffer, size_t buffer_bytes) {
    if (WIFSIGNALED(wait_status))
        snprintf(buffer, buffer_bytes, "killed by signal %d (%s)", WTERMSIG(wait_status),
                 strsignal(WTERMSIG(wait_status)));
    else
        snprintf(buffer, buffer_bytes, "exit status %d", WEXITSTATUS(wait_status));
    return buffer;
}

static int add_children_of_task(int tasks_fd, const char *thread, struct sm_pid_list *list) {
    char path[64];
    snprintf(path, sizeof path, "%.20s/children", thread);
    int fd = openat(tasks_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    FILE *file = fdopen(fd, "r");
    if (!file) {
        close(fd);
        return -ENOMEM;
    }
    int pid, rc = 0;
    while (rc == 0 && fscanf(file, "%d", &pid) == 1)
        rc = sm_pid_list_add(list, pid);
    fclose(file);
    return rc;
}

/* For kernels without CONFIG_PROC_CHILDREN. */
static int scan_all_for_children(pid_t parent, struct sm_pid_list *list) {
    DIR *proc = opendir("/proc");
    if (!proc)
        return -errno;
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(proc));) {
        struct sm_proc_stat stat = {0};
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (sm_proc_stat(pid, &stat) == 0 && stat.parent == parent)
            rc = sm_pid_list_add(list, pid);
    }
    closedir(proc);
    return rc;
}

int sm_proc_children(pid_t pid, struct sm_pid_list *list) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return -errno;
    int rc = 0;
    size_t read_count = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(tasks));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        rc = add_children_of_task(dirfd(tasks), entry->d_name, list);
        read_count += rc == 0;
        if (rc == -ENOENT || rc == -ESRCH) /* a thread that went */
            rc = 0;
    }
    closedir(tasks);
    if (rc == 0 && read_count == 0)
        rc = scan_all_for_children(pid, list);
    return rc;
}

int sm_proc_descendants(pid_t root, const struct sm_pid_list *without, struct sm_pid_list *list) {
    struct sm_pid_list children = {0};
    size_t next = list->count;
    pid_t parent = root;
    int rc;
    for (;;) {
        children.count = 0;
        rc = sm_proc_children(parent, &children);
        if (rc == -ENOENT || rc == -ESRCH)
            rc = 0;
        for (size_t i = 0; rc == 0 && i < children.count; i++)
            /* A process moves to another parent when its own goes: count it once. */
            if (!sm_pid_list_has(without, children.pids[i]) &&
                !sm_pid_list_has(list, children.pids[i]))
                rc = sm_pid_list_add(list, children.pids[i]);
        if (rc || next == list->count)
            break;
        parent = list->pids[next++];
    }
    sm_pid_list_free(&children);
    return rc;
}
