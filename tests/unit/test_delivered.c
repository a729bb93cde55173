/* Counting what a target wrote to its database, while it writes and after it was killed. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "harness/sources.h"
#include "scenario_text.h"
#include "temp_dir.h"

static int read_delivered(void **state, const char *file, const char *query, double *ret_count,
                          struct sm_error *err) {
    char inside[512];
    snprintf(inside, sizeof inside, "delivered = sqlite_rows { '%s/%s', \"%s\" }",
             (const char *)*state, file, query);
    struct sm_scenario *scenario = test_good(state, test_around(inside), NULL);
    int rc = sm_delivered_table[0]->read(scenario->delivered, ret_count, err);
    sm_scenario_free(scenario);
    return rc;
}

/* What a command prints, which stands at the end of the table. */
static int read_command(void **state, const char *script, double *ret_count, struct sm_error *err) {
    char inside[512];
    snprintf(inside, sizeof inside, "delivered = command { 'sh', '-c', \"%s\" }", script);
    struct sm_scenario *scenario = test_good(state, test_around(inside), NULL);
    size_t i = 0;
    while (strcmp(sm_delivered_table[i]->name, "command") != 0)
        i++;
    int rc = sm_delivered_table[i]->read(scenario->delivered, ret_count, err);
    sm_scenario_free(scenario);
    return rc;
}

static void a_command_prints_a_number(void **state) {
    static const struct {
        const char *script;
        int code;
        double count;
        const char *why;
    } cases[] = {
        {"echo 42", 0, 42, ""},
        {"printf ' 1.5e3 '; echo ignored >&2", 0, 1500, ""},
        {"cat; echo 7", 0, 7, ""}, /* there is nothing to read */
        {"echo", -EINVAL, 0, "no number"},
        {"echo -3", -EINVAL, 0, "no number"},
        {"echo 3 rows", -EINVAL, 0, "3 rows"},
        {"echo 3; exit 4", -EIO, 0, "status 4"},
        {"kill -9 $$", -EIO, 0, "status 137"},
        {"yes 5 | head -100000", -EINVAL, 0, "no number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double count = 77;
        struct sm_error err = {0};
        assert_int_equal(read_command(state, cases[i].script, &count, &err), cases[i].code);
        assert_true(count == (cases[i].code ? 77 : cases[i].count));
        if (!strstr(err.what, cases[i].why))
            fail_msg("no \"%s\" in: %s", cases[i].why, err.what);
    }
}

static double count_rows(void **state, const char *file) {
    double count = -1;
    struct sm_error err = {0};
    if (read_delivered(state, file, "select count(*) from logs", &count, &err))
        fail_msg("%s", err.what);
    return count;
}

static void assert_no_count(void **state, const char *file, const char *query, int code,
                            const char *why) {
    double count = 77;
    struct sm_error err = {0};
    assert_int_equal(read_delivered(state, file, query, &count, &err), code);
    assert_true(count == 77);
    if (!strstr(err.what, why))
        fail_msg("no \"%s\" in: %s", why, err.what);
}

static void run(sqlite3 *db, const char *sql) {
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

static sqlite3 *open_database(void **state, const char *file, const char *mode) {
    char path[512], sql[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, file);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "pragma journal_mode = %s; create table logs(t text);", mode);
    run(db, sql);
    return db;
}

static void counts_what_is_committed(void **state) {
    assert_no_count(state, "w.db", "select 1", -ENOENT, "No such file");
    sqlite3 *db = open_database(state, "w.db", "wal");
    assert_true(count_rows(state, "w.db") == 0);
    run(db, "insert into logs values('a'), ('b')");
    assert_true(count_rows(state, "w.db") == 2);
    run(db, "begin immediate; insert into logs values('c')");
    assert_true(count_rows(state, "w.db") == 2); /* while a transaction is open */
    run(db, "commit");
    assert_true(count_rows(state, "w.db") == 3);
    run(db, "pragma wal_checkpoint(truncate)"); /* no reader of ours holds it up */
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_true(count_rows(state, "w.db") == 3);
}

static void copy_file(void **state, const char *from, const char *to) {
    char path[512], bytes[4096];
    size_t got;
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, from);
    FILE *in = fopen(path, "re");
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, to);
    FILE *out = fopen(path, "we");
    assert_non_null(in);
    assert_non_null(out);
    while ((got = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, got, out), got);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* What a killed process leaves: a WAL that was never folded into the database. */
static void counts_what_a_killed_target_left(void **state) {
    sqlite3 *db = open_database(state, "k.db", "wal");
    run(db, "insert into logs values('a'), ('b'), ('c')");
    copy_file(state, "k.db", "dead.db");
    copy_file(state, "k.db-wal", "dead.db-wal");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_true(count_rows(state, "dead.db") == 3);
}

struct writer {
    sqlite3 *db;
    atomic_int stop;
    atomic_long committed;
};

static void *write_rows(void *argument) {
    struct writer *writer = argument;
    while (!atomic_load(&writer->stop) && atomic_load(&writer->committed) < 100000) {
        if (sqlite3_exec(writer->db, "insert into logs values('x')", NULL, NULL, NULL))
            break;
        atomic_fetch_add(&writer->committed, 1);
    }
    return NULL;
}

static void counts_while_the_target_writes(void **state) {
    struct writer writer = {.db = open_database(state, "busy.db", "wal")};
    pthread_t thread;
    run(writer.db, "pragma synchronous = off");
    assert_int_equal(pthread_create(&thread, NULL, write_rows, &writer), 0);
    double before = 0;
    for (int i = 0; i < 50; i++) {
        long least = atomic_load(&writer.committed);
        double count = count_rows(state, "busy.db");
        assert_true(count >= (double)least);
        assert_true(count >= before);
        before = count;
    }
    atomic_store(&writer.stop, 1);
    pthread_join(thread, NULL);
    assert_true(count_rows(state, "busy.db") == (double)atomic_load(&writer.committed));
    sqlite3_close(writer.db);
}

static void a_locked_database_is_busy(void **state) {
    sqlite3 *db = open_database(state, "r.db", "delete");
    run(db, "insert into logs values('a'); begin exclusive");
    assert_no_count(state, "r.db", "select count(*) from logs", -EBUSY, "locked");
    run(db, "rollback");
    assert_true(count_rows(state, "r.db") == 1);
    sqlite3_close(db);
}

static void queries_that_give_no_number(void **state) {
    sqlite3 *db = open_database(state, "q.db", "wal");
    run(db, "insert into logs values('a')");
    assert_no_count(state, "q.db", "select t from logs", -EINVAL, "not give a number");
    assert_no_count(state, "q.db", "select 1 where 0", -EINVAL, "not give a number");
    assert_no_count(state, "q.db", "select null", -EINVAL, "not give a number");
    assert_no_count(state, "q.db", "select 1, 2", -EINVAL, "one column");
    assert_no_count(state, "q.db", "delete from logs", -EINVAL, "only read");
    assert_no_count(state, "q.db", "", -EINVAL, "only read");
    assert_no_count(state, "q.db", "selekt", -EIO, "syntax error");
    assert_no_count(state, "q.db", "select count(*) from other", -EIO, "no such table");
    assert_true(count_rows(state, "q.db") == 1);
    sqlite3_close(db);
    test_write(state, "text.db", "this is no database, though it is long enough to be asked");
    assert_no_count(state, "text.db", "select count(*) from logs", -EIO, "not a database");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_is_committed),
        cmocka_unit_test(counts_what_a_killed_target_left),
        cmocka_unit_test(counts_while_the_target_writes),
        cmocka_unit_test(a_locked_database_is_busy),
        cmocka_unit_test(queries_that_give_no_number),
        cmocka_unit_test(a_command_prints_a_number),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
