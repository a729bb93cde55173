/* host_exec.c - an image that gives way to another, several times over: host-exec TIMES. With
 * "without" for TIMES only a leak and a child, for a run without a harness. */
#include <stdio.h>
#include <sys/wait.h>

#include "pool_view.h"

int main(int argc, char **argv) {
    int left = argc > 1 ? atoi(argv[1]) : 5;
    char text[16];
    void *leaked = malloc(1000);
    if (argc > 1 && strcmp(argv[1], "without") == 0) {
        int status;
        pid_t child = fork();
        free(malloc(100));
        if (child == 0) {
            _exit(0);
        }
        return leaked != NULL && waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
    }
    HOST_CHECK(leaked != NULL && host_slot()->state == SPILLMARK_STATE_ON);
    for (uint32_t i = 0; i < view_header(host_view())->slot_count; i++) {
        const struct spillmark_slot *slot = view_slot(host_view(), i);
        HOST_CHECK(view_claims(host_view())[i].pid != (uint32_t)getpid() || slot == host_slot() ||
                   slot->state == SPILLMARK_STATE_EXEC); /* the images before */
    }
    snprintf(text, sizeof text, "%d", left - 1);
    switch (left) {
    case 0:
        return 0;
    case 1:
        execlp(argv[0], argv[0], text, (char *)NULL);
        break;
    case 2:
        execv(argv[0], (char *[]){argv[0], text, NULL});
        break;
    case 3:
        execvp(argv[0], (char *[]){argv[0], text, NULL});
        break;
    case 4:
        execve(argv[0], (char *[]){argv[0], text, NULL}, environ);
        break;
    case 5:
        execvpe(argv[0], (char *[]){argv[0], text, NULL}, environ);
        break;
    case 6:
        fexecve(open(argv[0], O_RDONLY), (char *[]){argv[0], text, NULL}, environ);
        break;
    case 7:
        execle(argv[0], argv[0], text, (char *)NULL, environ);
        break;
    default:
        execl(argv[0], argv[0], text, (char *)NULL);
    }
    return 1;
}
