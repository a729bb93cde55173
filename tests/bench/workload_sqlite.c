/* workload_sqlite.c - inserts into a table with an index, in memory: bench-sqlite ROWS. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(sqlite3 *database, const char *sql) {
    return sqlite3_exec(database, sql, NULL, NULL, NULL);
}

static int insert(sqlite3 *database, long i) {
    char text[80];
    sqlite3_stmt *statement;
    snprintf(text, sizeof text, "a line of the log, number %ld of very many, with some text", i);
    if (sqlite3_prepare_v2(database, "insert into logs(at, level, text) values (?, ?, ?)", -1,
                           &statement, NULL) != SQLITE_OK) {
        return SQLITE_ERROR;
    }
    sqlite3_bind_int64(statement, 1, i * 7919 % 1000003);
    sqlite3_bind_int(statement, 2, (int)(i % 5));
    sqlite3_bind_text(statement, 3, text, -1, SQLITE_TRANSIENT);
    int result = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

int main(int argc, char **argv) {
    long rows = argc > 1 ? atol(argv[1]) : 200000;
    sqlite3 *database;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK ||
        run(database, "create table logs(id integer primary key, at integer, level integer, "
                      "text text); create index by_time on logs(at); begin") != SQLITE_OK) {
        return 1;
    }
    for (long i = 0; i < rows; i++) {
        if (insert(database, i) != SQLITE_OK) {
            return 1;
        }
        if (i % 1000 == 999) {
            run(database, "commit; begin");
        }
    }
    run(database, "commit");
    return sqlite3_close(database) == SQLITE_OK ? 0 : 1;
}
