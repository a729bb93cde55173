/* host_exec.c - an image that gives way to another, several times over. */
#include <stdio.h>

#include "pool_view.h"

int main(int argc, char **argv) {
    int left = argc > 1 ? atoi(argv[1]) : 5;
    char text[16];
    void *leaked = malloc(1000);
    HOST_CHECK(leaked != NULL && host_slot()->state == SPILLMARK_STATE_ON);
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
    default:
        execl(argv[0], argv[0], text, (char *)NULL);
    }
    return 1;
}
