/* service_postgres.c - a new PostgreSQL cluster, with the user postgres and no password. */
#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ready_socket.h"
#include "service.h"

static const struct sm_key keys[] = {{.name = "args",
                                      .type = SM_KEY_TEXTS,
                                      .help = "more arguments: { \"-c\", \"max_connections=20\" }"},
                                     SM_SERVICE_KEYS("INT"), /* TERM waits for all clients to go */
                                     {.name = NULL}};

/* It refuses to run as root. */
static const struct passwd *its_user(void) {
    if (geteuid() != 0)
        return NULL;
    const struct passwd *user = getpwnam("postgres");
    return user ? user : getpwnam("nobody");
}

/* Debian keeps the programs out of PATH, one directory for each version. */
static void add_program(struct sm_service_command *command, const char *name) {
    char pattern[64];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "/usr/lib/postgresql/*/bin/%s", name);
    if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0)
        sm_service_add(command, "%s", found.gl_pathv[found.gl_pathc - 1]);
    else
        sm_service_add(command, "%s", name);
    globfree(&found);
    const struct passwd *user = its_user();
    command->user_id = user ? user->pw_uid : 0;
    command->group_id = user ? user->pw_gid : 0;
}

/* Cluster and socket lie in one directory, a short one that another user can reach: the run's may
 * be below somebody's private one. */
static int prepare(const struct sm_service *service, struct sm_error *err) {
    const struct passwd *user = its_user();
    if (mkdir(service->unix_path, 0755) && errno != EEXIST)
        return sm_error_errno(err, -errno, service->unix_path, NULL,
                              "the directory for its socket cannot be made");
    if (user && chown(service->unix_path, user->pw_uid, user->pw_gid))
        return sm_error_errno(err, -errno, service->unix_path, NULL,
                              "the directory cannot be given to %s", user->pw_name);
    return 0;
}

static void setup(const struct sm_service *service, struct sm_service_command *command) {
    static const char *const plain[] = {"--username=postgres", "--auth=trust", "--encoding=UTF8",
                                        "--locale=C",          "--no-sync",    NULL};
    char version[4096];
    snprintf(version, sizeof version, "%s/cluster/PG_VERSION", service->unix_path);
    if (access(version, F_OK) == 0)
        return; /* a restart: the cluster is there */
    add_program(command, "initdb");
    sm_service_add_all(command, plain);
    sm_service_add(command, "--pgdata=%s/cluster", service->unix_path);
}

static void command(const struct sm_service *service, struct sm_service_command *command) {
    add_program(command, "postgres");
    sm_service_add(command, "-D");
    sm_service_add(command, "%s/cluster", service->unix_path);
    sm_service_add(command, "-h");
    sm_service_add(command, "127.0.0.1");
    sm_service_add(command, "-p");
    sm_service_add(command, "%u", service->port);
    sm_service_add(command, "-k");
    sm_service_add(command, "%s", service->unix_path);
    sm_service_add_all(command, sm_block_texts(service->block, "args", NULL));
}

/* The last line of postmaster.pid says "ready" once it takes queries; before that the port is
 * open and every connection is refused with "starting up". */
static int check(const struct sm_service *service, struct sm_error *err) {
    char path[4096], line[256] = "";
    int is_ready = 0;
    snprintf(path, sizeof path, "%s/cluster/postmaster.pid", service->unix_path);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        is_ready = strncmp(line, "ready", 5) == 0;
    if (file)
        fclose(file);
    if (is_ready)
        return sm_service_check_port(service, err);
    sm_error_set(err, -EAGAIN, service->block->where, NULL, "it is starting up");
    return 0;
}

const struct sm_service_ops sm_postgres_service = {
    .name = "postgres",
    .help = "a new PostgreSQL cluster on ${NAME.port}; ${NAME.unix} is the directory of its socket "
            "and files",
    .keys = keys,
    .prepare = prepare,
    .setup = setup,
    .command = command,
    .check = check,
};
