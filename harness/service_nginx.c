/* service_nginx.c - nginx with one server on the service's port and socket. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "service.h"

static const struct sm_key keys[] = {
    {.name = "server",
     .type = SM_KEY_TEXT,
     .fallback = "location / { return 200; }",
     .help = "what stands in the configuration's server { }, besides the places to listen"},
    {.name = "http", .type = SM_KEY_TEXT, .help = "what stands in its http { }, before the server"},
    SM_SERVICE_KEYS("QUIT"),
    {.name = NULL}};

static int write_configuration(const struct sm_service *service, FILE *file) {
    const char *http = sm_block_text(service->block, "http");
    const char *where = service->directory;
    if (geteuid() == 0)
        fputs("user root;\n", file); /* or its workers could not enter the directory */
    fprintf(file,
            "daemon off;\nworker_processes 1;\nerror_log stderr;\npid \"%s/nginx.pid\";\n"
            "events { worker_connections 4096; }\nhttp {\naccess_log off;\n",
            where);
    static const char *const kept[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        fprintf(file, "%s_temp_path \"%s/%s\";\n", kept[i], where, kept[i]);
    fprintf(file, "%s\nserver {\nlisten 127.0.0.1:%u;\nlisten \"unix:%s\";\n%s\n}\n}\n",
            http ? http : "", service->port, service->unix_path,
            sm_block_text(service->block, "server"));
    return ferror(file) ? -EIO : 0;
}

static int prepare(const struct sm_service *service, struct sm_error *err) {
    char path[4096];
    unlink(
        service->unix_path); /* nginx leaves it behind and will not listen on one that is there */
    snprintf(path, sizeof path, "%s/nginx.conf", service->directory);
    FILE *file = fopen(path, "we");
    if (!file)
        return sm_error_errno(err, -errno, path, NULL, "the configuration cannot be written");
    int rc = write_configuration(service, file);
    if (fclose(file) && rc == 0)
        rc = -errno;
    return rc ? sm_error_errno(err, rc, path, NULL, "the configuration cannot be written") : 0;
}

static void command(const struct sm_service *service, struct sm_service_command *command) {
    sm_service_add(command, "%s",
                   access("/usr/sbin/nginx", X_OK) == 0 ? "/usr/sbin/nginx" : "nginx");
    sm_service_add(command, "-p");
    sm_service_add(command, "%s", service->directory);
    sm_service_add(command, "-e");
    sm_service_add(command, "stderr");
    sm_service_add(command, "-c");
    sm_service_add(command, "%s/nginx.conf", service->directory);
}

const struct sm_service_ops sm_nginx_service = {
    .name = "nginx",
    .help = "nginx on ${NAME.port} and ${NAME.unix}",
    .keys = keys,
    .prepare = prepare,
    .command = command,
    .check = sm_service_check_port,
};
