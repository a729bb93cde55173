/* A server that answers 200 requests a second and forgets to forget: every session is found again
 * by its number, and none is ever removed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct session {
    struct session *next;
    int number;
    char answer[1000];
};
static struct session *sessions;

static struct session *open_session(int number) {
    struct session *session = calloc(1, sizeof *session);
    session->number = number;
    session->next = sessions;
    sessions = session;
    return session;
}

static void handle_request(int number) {
    struct session *session = open_session(number);
    char *body = malloc(4000);
    snprintf(body, 4000, "request %d", number);
    snprintf(session->answer, sizeof session->answer, "answer to %s", body);
    free(body);
}

int main(int argc, char **argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : 30;
    for (int i = 0; i < seconds * 200; i++) {
        handle_request(i);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return 0;
}
