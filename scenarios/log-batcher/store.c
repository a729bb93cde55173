#include "store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

struct lb_store {
    sqlite3 *database;
    sqlite3_stmt *begin, *insert, *commit;
    int wal_pages; /* in the write-ahead log after the last commit */
    char problem[256];
};

enum { CHECKPOINT_PAGES = 1000 }; /* SQLite's own default */

/* Rows are only ever appended, so a small cache does; it is full within seconds, and memory that
 * goes on growing after that is the daemon's own. */
static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "PRAGMA cache_size = -512;"
    "CREATE TABLE IF NOT EXISTS logs (id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
    " source TEXT NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL);";

static int prepare(struct lb_store *store) {
    const struct {
        const char *sql;
        sqlite3_stmt **statement;
    } statements[] = {
        {"BEGIN IMMEDIATE", &store->begin},
        {"INSERT INTO logs (time_ms, source, level, message) VALUES (?, ?, ?, ?)", &store->insert},
        {"COMMIT", &store->commit},
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        int result = sqlite3_prepare_v3(store->database, statements[i].sql, -1,
                                        SQLITE_PREPARE_PERSISTENT, statements[i].statement, NULL);
        if (result != SQLITE_OK)
            return result;
    }
    return SQLITE_OK;
}

/* Called by SQLite after each commit. */
static int note_wal(void *store, sqlite3 *database, const char *name, int pages) {
    (void)database, (void)name;
    ((struct lb_store *)store)->wal_pages = pages;
    return SQLITE_OK;
}

struct lb_store *lb_store_open(const char *path) {
    struct lb_store *store = calloc(1, sizeof *store);
    if (!store) {
        fprintf(stderr, "log-batcher: no memory\n");
        return NULL;
    }
    /* A reader that checkpoints may hold the lock for a moment; a batch waits for it. */
    if (sqlite3_open(path, &store->database) != SQLITE_OK ||
        sqlite3_busy_timeout(store->database, 5000) != SQLITE_OK ||
        sqlite3_exec(store->database, schema, NULL, NULL, NULL) != SQLITE_OK ||
        prepare(store) != SQLITE_OK) {
        fprintf(stderr, "log-batcher: %s: %s\n", path, sqlite3_errmsg(store->database));
        lb_store_close(store);
        return NULL;
    }
    /* Takes the place of SQLite's own checkpoint within the commit. */
    sqlite3_wal_hook(store->database, note_wal, store);
    return store;
}

/* Runs a statement without rows and makes it ready for its next use. */
static int run(sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int insert(struct lb_store *store, const struct lb_entry *entry) {
    const char *source = entry->texts;
    const char *level = source + entry->source_bytes;
    const char *message = level + entry->level_bytes;
    sqlite3_bind_int64(store->insert, 1, entry->time_ms);
    sqlite3_bind_text(store->insert, 2, source, (int)entry->source_bytes, SQLITE_STATIC);
    sqlite3_bind_text(store->insert, 3, level, (int)entry->level_bytes, SQLITE_STATIC);
    sqlite3_bind_text(store->insert, 4, message, (int)entry->message_bytes, SQLITE_STATIC);
    return run(store->insert);
}

long lb_store_write(struct lb_store *store, const struct lb_entry *list, size_t max) {
    size_t count = 0;
    int result = run(store->begin);
    for (; result == SQLITE_OK && list && count < max; list = list->next, count++)
        result = insert(store, list);
    if (result == SQLITE_OK)
        result = run(store->commit);
    if (result == SQLITE_OK)
        return (long)count;
    snprintf(store->problem, sizeof store->problem, "%s", sqlite3_errmsg(store->database));
    /* Some failures have rolled back by themselves (a full disk), others have not. */
    if (!sqlite3_get_autocommit(store->database))
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

void lb_store_tidy(struct lb_store *store) {
    if (store->wal_pages < CHECKPOINT_PAGES)
        return;
    store->wal_pages = 0;
    sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

const char *lb_store_problem(const struct lb_store *store) {
    return store->problem;
}

void lb_store_close(struct lb_store *store) {
    if (!store)
        return;
    sqlite3_finalize(store->begin);
    sqlite3_finalize(store->insert);
    sqlite3_finalize(store->commit);
    /* Closing checkpoints too, but only when nobody else has the database open. */
    if (store->database)
        sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(store->database);
    free(store);
}
