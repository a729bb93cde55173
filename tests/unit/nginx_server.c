#include "nginx_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct nginx_server {
    char directory[200], url[64], unix_path[256];
    int port;
    pid_t pid;
};

/* A port that is ours before nginx starts: it takes over the listening sockets it is given in the
 * environment variable NGINX, as in its change of binaries. */
static int listen_anywhere(int *ret_port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &length) < 0)
        abort();
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static int listen_unix(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strnlen(path, sizeof at.sun_path - 1));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0)
        abort();
    return fd;
}

static void write_configuration(const struct nginx_server *server, const char *tcp_options,
                                const char *locations) {
    static const char *const temporary[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    char path[256];
    snprintf(path, sizeof path, "%s/nginx.conf", server->directory);
    FILE *out = fopen(path, "we");
    if (!out)
        abort();
    const char *d = server->directory;
    fprintf(out,
            "daemon off; worker_processes 1;\n"
            "pid %s/pid; error_log %s/error.log;\n"
            "events { worker_connections 16384; }\n"
            "http { access_log %s/access.log;\n",
            d, d, d);
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
        fprintf(out, "%s_temp_path %s/%s;\n", temporary[i], d, temporary[i]);
    fprintf(out, "server { listen 127.0.0.1:%d %s; listen unix:%s; %s }\n}\n", server->port,
            tcp_options, server->unix_path, locations);
    fclose(out);
}

struct nginx_server *nginx_server_start(const char *directory, const char *tcp_options,
                                        const char *locations) {
    if (access("/usr/sbin/nginx", X_OK) != 0)
        return NULL;
    struct nginx_server *server = calloc(1, sizeof *server);
    char inherited[32], configuration[256];
    int tcp = listen_anywhere(&server->port);
    snprintf(server->directory, sizeof server->directory, "%s", directory);
    snprintf(server->unix_path, sizeof server->unix_path, "%s/s", directory);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", server->port);
    snprintf(configuration, sizeof configuration, "%s/nginx.conf", directory);
    int unix_fd = listen_unix(server->unix_path);
    snprintf(inherited, sizeof inherited, "%d;%d;", tcp, unix_fd);
    write_configuration(server, tcp_options, locations);
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* its workers end with it */
        setenv("NGINX", inherited, 1);
        execl("/usr/sbin/nginx", "nginx", "-e", "/dev/null", "-c", configuration, (char *)NULL);
        _exit(127);
    }
    /* They listen already: whoever connects waits until nginx accepts. */
    close(tcp);
    close(unix_fd);
    return server;
}

const char *nginx_server_url(const struct nginx_server *server) {
    return server->url;
}
int nginx_server_port(const struct nginx_server *server) {
    return server->port;
}
const char *nginx_server_unix(const struct nginx_server *server) {
    return server->unix_path;
}

static long count_logged(const struct nginx_server *server, const char *text) {
    char path[256], line[1024];
    long count = 0;
    snprintf(path, sizeof path, "%s/access.log", server->directory);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in))
        count += strstr(line, text) != NULL;
    if (in)
        fclose(in);
    return count;
}

long nginx_server_logged(const struct nginx_server *server, const char *text, long wanted) {
    long count;
    while ((count = count_logged(server, text)) < wanted)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return count;
}

void nginx_server_stop(struct nginx_server *server) {
    kill(server->pid, SIGTERM);
    waitpid(server->pid, NULL, 0);
    free(server);
}

bool nginx_server_certify(const char *directory) {
    pid_t pid = fork();
    if (pid == 0) {
        int null_fd = open("/dev/null", O_WRONLY);
        dup2(null_fd, STDERR_FILENO);
        if (chdir(directory) == 0)
            execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key", "-out", "cert",
                   "-subj", "/CN=spillmark", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                   (char *)NULL);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    return status == 0;
}

bool nginx_server_tls(const char *directory, char *locations, size_t locations_size, char *ca,
                      size_t ca_size) {
    snprintf(locations, locations_size,
             "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s/cert; ssl_certificate_key %s/key; "
             "client_max_body_size 0;"
             "location / { return 200; }",
             directory, directory);
    snprintf(ca, ca_size, "%s/cert", directory);
    return nginx_server_certify(directory);
}
