/* Records that are cut, damaged, foreign or made to mislead: an error or a run, never a crash. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "reports/record.h"
#include "temp_dir.h"

static char path[512];

static const char *db_path(void **state) {
    snprintf(path, sizeof path, "%s/run.db", (char *)*state);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t length) {
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static int open_and_free(const char *where, struct sm_error *err) {
    struct sm_run *run = NULL;
    memset(err, 0, sizeof *err);
    int r = sm_run_open(where, &run, err);
    if (r == 0)
        sm_run_free(run);
    else
        assert_true(err->code == r && err->what[0] != '\0' && run == NULL);
    return r;
}

static unsigned char *good_record(const char *where, size_t *ret_length) {
    struct sm_record *record = NULL;
    struct sm_error err = {0};
    assert_int_equal(sm_record_create(where, &record, &err), 0);
    for (int i = 0; i < 2000; i++)
        sm_record_add_sample(record, &(struct sm_sample){i % 5, i, i * 1.5, i, i * 2});
    for (int i = 0; i < 200; i++)
        sm_record_add_event(record, &(struct sm_event){i, "phase", "some text that takes room"});
    sm_record_set_meta(record, "scenario", "x");
    assert_int_equal(sm_record_close(record, 1), 0);
    FILE *file = fopen(where, "re");
    unsigned char *bytes = malloc(1 << 20);
    assert_true(file && bytes);
    *ret_length = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void missing_and_foreign_files_are_told(void **state) {
    struct sm_error err;
    assert_int_equal(open_and_free("/no/such/run", &err), -ENOENT);
    assert_int_equal(open_and_free(*state, &err), -ENOENT);
    assert_non_null(strstr(err.what, "run.db"));
    assert_int_equal(open_and_free("/dev/null", &err), -EINVAL);
    write_file(db_path(state), "", 0);
    assert_int_equal(open_and_free(path, &err), -EBADMSG);
    write_file(path, "hello, this is not a database, it is a text of some length", 58);
    assert_int_equal(open_and_free(path, &err), -EBADMSG);
    assert_non_null(strstr(err.what, "not a record"));
}

static void sql(const char *text) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

static void another_programs_database_is_told(void **state) {
    struct sm_error err;
    db_path(state);
    sql("CREATE TABLE sample(a)");
    assert_int_equal(open_and_free(path, &err), -EBADMSG);
    assert_non_null(strstr(err.what, "not a record"));
}

static void a_newer_version_is_told(void **state) {
    struct sm_error err;
    size_t length;
    free(good_record(db_path(state), &length));
    sql("PRAGMA user_version = 999");
    assert_int_equal(open_and_free(path, &err), -EPROTONOSUPPORT);
    assert_non_null(strstr(err.what, "999"));
}

static void an_older_record_without_a_column_or_table_opens(void **state) {
    struct sm_error err = {0};
    size_t length;
    free(good_record(db_path(state), &length));
    sql("DROP VIEW series_over_time; ALTER TABLE sample DROP COLUMN low; DROP TABLE symbol; DROP "
        "TABLE ledger");
    struct sm_run *run = NULL;
    assert_int_equal(sm_run_open(path, &run, &err), 0);
    assert_int_equal(run->samples_count, 2000);
    assert_true(run->samples[7].low == run->samples[7].value);
    assert_int_equal(run->symbols_count, 0);
    assert_int_equal(run->ledger.offered, -1);
    sm_run_free(run);
}

static void misleading_contents_are_told(void **state) {
    static const char *const statements[] = {
        "INSERT INTO series VALUES(1, 0, 'heap', 77)",
        "INSERT INTO series VALUES(99999999999, 0, 'heap', 1)",
        "INSERT INTO sample VALUES(1, 'soon', 1, 1, 1)",
        "INSERT INTO sample VALUES(1, 5, 9e999, 1, 1)",
        "INSERT INTO event VALUES(1, x'00', 'b')",
        "INSERT INTO load_interval(load, from_ns, histogram) VALUES('a', 0, 'text')",
    };
    struct sm_error err;
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        size_t length;
        free(good_record(db_path(state), &length));
        sql(statements[i]);
        assert_int_equal(open_and_free(path, &err), -EBADMSG);
        assert_non_null(strstr(err.what, "damaged: row"));
        unlink(path);
    }
}

static void views_in_place_of_tables_are_not_run(void **state) {
    struct sm_error err;
    size_t length;
    free(good_record(db_path(state), &length));
    sql("DROP TABLE sample; DROP VIEW series_over_time; CREATE VIEW sample AS "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT 1 AS series_id, i AS t_ns, i AS value, i AS low, i AS high FROM n");
    assert_int_equal(open_and_free(path, &err), 0);
}

static void cut_files_never_crash(void **state) {
    struct sm_error err;
    size_t length;
    unsigned char *bytes = good_record(db_path(state), &length);
    for (size_t cut = 0; cut < length; cut += 1 + length / 97) {
        write_file(path, bytes, cut);
        open_and_free(path, &err);
    }
    free(bytes);
}

static void damaged_bytes_never_crash(void **state) {
    struct sm_error err;
    size_t length;
    unsigned char *bytes = good_record(db_path(state), &length);
    unsigned char *copy = malloc(length);
    uint32_t seed = 12345;
    assert_non_null(copy);
    for (int round = 0; round < 300; round++) {
        memcpy(copy, bytes, length);
        int changes = 1 + round % 20;
        for (int i = 0; i < changes; i++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = (seed >> 4) % length;
            if (round % 3 == 0) /* the header and the page directory hurt the most */
                at %= 4096;
            seed = seed * 1664525u + 1013904223u;
            copy[at] = (unsigned char)(seed >> 24);
        }
        write_file(path, copy, length);
        open_and_free(path, &err);
    }
    free(copy);
    free(bytes);
}

static void a_damaged_journal_never_crashes(void **state) {
    struct sm_error err;
    struct sm_record *record = NULL;
    char copy[600], from[700], to[700], command[3000];
    assert_int_equal(sm_record_create(db_path(state), &record, &err), 0);
    for (int i = 0; i < 500; i++)
        sm_record_add_sample(record, &(struct sm_sample){1, i, i, i, i});
    sm_record_commit(record);
    snprintf(copy, sizeof copy, "%s/copy.db", (char *)*state);
    snprintf(from, sizeof from, "%s-wal", path);
    snprintf(to, sizeof to, "%s-wal", copy);
    snprintf(command, sizeof command, "cp %s %s && cp %s %s", path, copy, from, to);
    assert_int_equal(system(command), 0);
    sm_record_close(record, 1);
    struct stat st;
    assert_int_equal(stat(to, &st), 0);
    for (off_t length = st.st_size; length > 0; length -= 1 + st.st_size / 23) {
        assert_int_equal(truncate(to, length), 0);
        open_and_free(copy, &err);
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(missing_and_foreign_files_are_told),
        TEST(another_programs_database_is_told),
        TEST(a_newer_version_is_told),
        TEST(an_older_record_without_a_column_or_table_opens),
        TEST(misleading_contents_are_told),
        TEST(views_in_place_of_tables_are_not_run),
        TEST(cut_files_never_crash),
        TEST(damaged_bytes_never_crash),
        TEST(a_damaged_journal_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
