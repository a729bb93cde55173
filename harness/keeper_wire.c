#include "keeper_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int sm_wire_send(int fd, const void *bytes, size_t length) {
    const char *next = bytes;
    while (length > 0) {
        ssize_t sent = send(fd, next, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        next += sent;
        length -= (size_t)sent;
    }
    return 0;
}

int sm_wire_receive(int fd, void *bytes, size_t length) {
    char *next = bytes;
    while (length > 0) {
        ssize_t received = recv(fd, next, length, 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0)
            return errno == ECONNRESET ? -EPIPE : -errno;
        if (received == 0)
            return -EPIPE;
        next += received;
        length -= (size_t)received;
    }
    return 0;
}

static size_t count_texts(const char *const *texts, size_t *ret_bytes) {
    size_t count = 0;
    for (; texts && texts[count]; count++)
        *ret_bytes += strlen(texts[count]) + 1;
    return count;
}

static char *append(char *next, const char *text) {
    size_t bytes = text ? strlen(text) + 1 : 1;
    memcpy(next, text ? text : "", bytes);
    return next + bytes;
}

int sm_wire_pack_spawn(const struct sm_spawn *spawn, void **ret_body, size_t *ret_bytes) {
    struct sm_keeper_spawn_head head = {
        .inherit_stdio = spawn->inherit_stdio,
        .user_id = spawn->user_id,
        .group_id = spawn->group_id,
        .supervisor = (uint64_t)(uintptr_t)spawn->supervisor,
        .address_space_bytes = spawn->address_space_bytes,
        .data_bytes = spawn->data_bytes,
    };
    size_t bytes = sizeof head;
    bytes += spawn->cwd ? strlen(spawn->cwd) + 1 : 1;
    bytes += spawn->output_path ? strlen(spawn->output_path) + 1 : 1;
    bytes += spawn->cgroup ? strlen(spawn->cgroup) + 1 : 1;
    bytes += spawn->disk_cgroup ? strlen(spawn->disk_cgroup) + 1 : 1;
    head.argv_count = (uint32_t)count_texts(spawn->argv, &bytes);
    head.env_count = (uint32_t)count_texts(spawn->env, &bytes);
    if (head.argv_count == 0)
        return -EINVAL;
    if (bytes > SM_KEEPER_BODY_MAX)
        return -E2BIG;
    char *body = malloc(bytes);
    if (!body)
        return -ENOMEM;
    memcpy(body, &head, sizeof head);
    char *next = append(body + sizeof head, spawn->cwd);
    next = append(next, spawn->output_path);
    next = append(next, spawn->cgroup);
    next = append(next, spawn->disk_cgroup);
    for (size_t i = 0; i < head.argv_count; i++)
        next = append(next, spawn->argv[i]);
    for (size_t i = 0; i < head.env_count; i++)
        next = append(next, spawn->env[i]);
    *ret_body = body;
    *ret_bytes = bytes;
    return 0;
}

/* The text at *next, which moves behind it; NULL when it has no end. */
static const char *take(const char **next, const char *end) {
    const char *text = *next;
    const char *zero = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (!zero)
        return NULL;
    *next = zero + 1;
    return text;
}

int sm_wire_unpack_spawn(const void *body, size_t bytes, struct sm_spawn *ret_spawn,
                         const char ***ret_pointers) {
    struct sm_keeper_spawn_head head;
    const char *next = (const char *)body + sizeof head, *end = (const char *)body + bytes;
    if (bytes < sizeof head)
        return -EBADMSG;
    memcpy(&head, body, sizeof head);
    if (head.argv_count == 0 || head.argv_count > bytes || head.env_count > bytes)
        return -EBADMSG;
    size_t count = (size_t)head.argv_count + head.env_count;
    const char *cwd = take(&next, end), *output_path = take(&next, end);
    const char *cgroup = take(&next, end), *disk_cgroup = take(&next, end);
    const char **pointers = calloc(count + 2, sizeof *pointers);
    if (!pointers)
        return -ENOMEM;
    const char **env = pointers + head.argv_count + 1;
    const char *last = cgroup ? disk_cgroup : NULL;
    for (size_t i = 0; last && i < count; i++) {
        last = take(&next, end);
        if (i < head.argv_count)
            pointers[i] = last;
        else
            env[i - head.argv_count] = last;
    }
    if (!cwd || !output_path || !last || next != end) {
        free(pointers);
        return -EBADMSG;
    }
    *ret_spawn = (struct sm_spawn){
        .argv = pointers,
        .env = env,
        .cwd = cwd[0] ? cwd : NULL,
        .output_path = output_path[0] ? output_path : NULL,
        .inherit_stdio = head.inherit_stdio,
        .supervisor = (struct sm_supervisor_shared *)(uintptr_t)head.supervisor,
        .address_space_bytes = head.address_space_bytes,
        .data_bytes = head.data_bytes,
        .cgroup = cgroup[0] ? cgroup : NULL,
        .disk_cgroup = disk_cgroup[0] ? disk_cgroup : NULL,
        .user_id = head.user_id,
        .group_id = head.group_id,
    };
    *ret_pointers = pointers;
    return 0;
}
