/* avro-rows - counts the rows in the files below a directory, as DIRECTORY/MEASUREMENT/NAME.avro.
 *
 * Reads the heads of the blocks only, by the specification of Avro and without its library: each
 * block is one record, whose first field is its number of rows.
 * https://avro.apache.org/docs/1.11.1/specification/#object-container-files */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW_BYTES = 4096, SYNC_BYTES = 16, LONGEST_NUMBER = 10 };

/* A file, seen through a window that moves. */
struct file {
    int fd;
    off_t at, window_at;
    size_t window_bytes;
    unsigned char window[WINDOW_BYTES];
};

static bool look(struct file *file) {
    ssize_t got = pread(file->fd, file->window, WINDOW_BYTES, file->at);
    file->window_at = file->at;
    file->window_bytes = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool read_byte(struct file *file, unsigned char *ret_byte) {
    bool is_seen =
        file->at >= file->window_at && file->at < file->window_at + (off_t)file->window_bytes;
    if (!is_seen && !look(file))
        return false;
    *ret_byte = file->window[file->at++ - file->window_at];
    return true;
}

/* A number of variable length, zig-zag. */
static bool read_long(struct file *file, int64_t *ret_value) {
    uint64_t value = 0;
    unsigned char byte = 0x80;
    for (int i = 0; byte & 0x80; i++) {
        if (i == LONGEST_NUMBER || !read_byte(file, &byte))
            return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
    }
    *ret_value = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    return true;
}

static bool skip(struct file *file, int64_t bytes) {
    file->at += bytes;
    return bytes >= 0;
}

static bool skip_text(struct file *file) {
    int64_t length;
    return read_long(file, &length) && skip(file, length);
}

/* The magic, the map of metadata, the mark between blocks. */
static bool skip_header(struct file *file) {
    int64_t count, bytes;
    if (!look(file) || file->window_bytes < 4 || memcmp(file->window, "Obj\1", 4) != 0)
        return false;
    file->at = 4;
    while (read_long(file, &count) && count != 0) {
        if (count < 0 && (!read_long(file, &bytes) || count == INT64_MIN))
            return false;
        for (count = count < 0 ? -count : count; count > 0; count--)
            if (!skip_text(file) || !skip_text(file))
                return false;
    }
    return skip(file, SYNC_BYTES);
}

static bool count_blocks(struct file *file, int64_t *rows) {
    int64_t records, bytes, count;
    while (read_long(file, &records)) {
        if (records != 1 || !read_long(file, &bytes))
            return false;
        off_t block = file->at;
        if (!read_long(file, &count) || count < 0)
            return false;
        *rows += count;
        file->at = block;
        if (!skip(file, bytes) || !skip(file, SYNC_BYTES))
            return false;
    }
    return true;
}

static bool count_file(int directory_fd, const char *name, int64_t *rows) {
    struct file file = {.fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC)};
    bool is_good = file.fd >= 0 && skip_header(&file) && count_blocks(&file, rows);
    if (!is_good)
        fprintf(stderr, "avro-rows: %s is no file of row groups\n", name);
    if (file.fd >= 0)
        close(file.fd);
    return is_good;
}

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name), end_length = strlen(end);
    return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static bool count_measurement(int parent_fd, const char *name, int64_t *rows) {
    bool is_good = true;
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory)
        return true; /* a file beside the measurements */
    for (struct dirent *entry; is_good && (entry = readdir(directory));)
        if (ends_in(entry->d_name, ".avro"))
            is_good = count_file(fd, entry->d_name, rows);
    closedir(directory);
    return is_good;
}

int main(int argc, char **argv) {
    int64_t rows = 0;
    bool is_good = true;
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    if (!directory) {
        fprintf(stderr, argc == 2 ? "avro-rows: cannot read %s\n" : "Usage: avro-rows DIRECTORY\n",
                argc == 2 ? argv[1] : "");
        return 2;
    }
    for (struct dirent *entry; is_good && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            is_good = count_measurement(dirfd(directory), entry->d_name, &rows);
    closedir(directory);
    printf("%lld\n", (long long)rows);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
