#include "record_sqlite.h"

#include <errno.h>
#include <stddef.h>

int sm_sqlite_errno(sqlite3 *db, int rc) {
    int os = db ? sqlite3_system_errno(db) : 0;
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
        return -EBADMSG;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_TOOBIG:
        return -E2BIG;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
        return -EINVAL;
    default: /* IOERR and CANTOPEN: the system's own word where there is one */
        return os > 0 ? -os : -EIO;
    }
}

static int read_pragma(sqlite3 *db, const char *sql, int *ret_value) {
    sqlite3_stmt *select = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &select, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(select);
        if (rc == SQLITE_ROW) {
            *ret_value = sqlite3_column_int(select, 0);
            rc = SQLITE_OK;
        }
    }
    sqlite3_finalize(select);
    return rc;
}

int sm_sqlite_check_record(sqlite3 *db, const char *path, struct sm_error *err) {
    int application = 0, version = 0;
    int rc = read_pragma(db, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK)
        rc = read_pragma(db, "PRAGMA user_version", &version);
    int code = sm_sqlite_errno(db, rc);
    if (rc != SQLITE_OK && code != -EBADMSG)
        return sm_error_errno(err, code, path, NULL, "the record cannot be read");
    if (rc != SQLITE_OK || application != SM_RECORD_APPLICATION_ID)
        return sm_error_set(err, -EBADMSG, path, "give a run directory or its run.db",
                            "this is not a record of spillmark");
    if (version < 1 || version > SM_RECORD_VERSION)
        return sm_error_set(err, -EPROTONOSUPPORT, path, "use the spillmark that made it or newer",
                            "the record has version %d, this program reads up to %d", version,
                            SM_RECORD_VERSION);
    return 0;
}
