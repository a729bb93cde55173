/* proc.h - who is whose child, from /proc. Functions fill the caller's memory; no locks, any
 * thread. A process may go at any moment: what is returned is what was there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A growing list of process ids; {0} is empty. Free with sm_pid_list_free. */
struct sm_pid_list {
    pid_t *pids;
    size_t count, capacity;
};
int sm_pid_list_add(struct sm_pid_list *list, pid_t pid); /* 0 or -ENOMEM */
int sm_pid_list_has(const struct sm_pid_list *list, pid_t pid);
void sm_pid_list_free(struct sm_pid_list *list);

/* Reads the beginning of a file of /proc, or of one that is to be executed, as a text: at most
 * text_bytes - 1 by one read that does not wait. Returns its length or a negative errno. */
ssize_t sm_proc_read(const char *path, char *text, size_t text_bytes);

/* The line of /proc/PID/stat, as far as it is used; 0 or a negative errno. */
struct sm_proc_stat {
    char state; /* 'R', 'S', 'D', 'T', 'Z', ... */
    pid_t parent, group;
};
int sm_proc_stat(pid_t pid, struct sm_proc_stat *ret_stat);
/* The same from the text of the file. -EBADMSG when it is not one. */
int sm_proc_stat_parse(const char *text, struct sm_proc_stat *ret_stat);
bool sm_proc_is_alive(pid_t pid); /* it is there, and has not ended */

/* The n-th number (from 0) behind name, such as "\nUid:", in the text of /proc/PID/status; 0, or
 * -ENOENT when there are fewer. */
int sm_proc_status_number(const char *text, const char *name, int n, int base, long *ret_number);

/* "exit status 3" or "killed by signal 9 (Killed)", of what wait gave; returns the buffer. */
char *sm_exit_text(int wait_status, char *buffer, size_t buffer_bytes);

/* Appends the children of all threads of pid; 0 or a negative errno (-ENOENT: no such process). */
int sm_proc_children(pid_t pid, struct sm_pid_list *list);

/* Appends everything below root, parents first; processes in `without` (may be NULL) and what is
 * below them are left out. */
int sm_proc_descendants(pid_t root, const struct sm_pid_list *without, struct sm_pid_list *list);
