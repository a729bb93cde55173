#include "record_schema.h"

#include <stddef.h>

#define COLUMN(type, member, kind)                                                                 \
    { #member, SM_COLUMN_##kind, offsetof(struct sm_##type, member), 0, 0 }
#define ENUM(type, member, greatest)                                                               \
    { #member, SM_COLUMN_ENUM, offsetof(struct sm_##type, member), 0, greatest }
#define SAME(type, member, as)                                                                     \
    {                                                                                              \
#member, SM_COLUMN_SAME, offsetof(struct sm_##type, member),                               \
            offsetof(struct sm_##type, as), 0                                                      \
    }
#define MICROS(type, stem)                                                                         \
    { #stem "_us", SM_COLUMN_MICROS, offsetof(struct sm_##type, stem##_s), 0, 0 }
#define BLOB(type, member)                                                                         \
    {                                                                                              \
#member, SM_COLUMN_BLOB, offsetof(struct sm_##type, member),                               \
            offsetof(struct sm_##type, member##_bytes), 0                                          \
    }

static const struct sm_column phase_columns[] = {
    COLUMN(phase, id, INT32),          COLUMN(phase, name, TEXT),
    COLUMN(phase, cycle, INT32),       COLUMN(phase, from_ns, UNKNOWN64),
    COLUMN(phase, to_ns, UNKNOWN64),   COLUMN(phase, load_factor, REAL),
    COLUMN(phase, fault_count, INT32), COLUMN(phase, is_settle, INT32),
};
static const struct sm_column process_columns[] = {
    COLUMN(process, id, INT32),          COLUMN(process, pid, INT32),
    COLUMN(process, parent_pid, INT32),  COLUMN(process, command, TEXT),
    COLUMN(process, from_ns, UNKNOWN64), COLUMN(process, to_ns, UNKNOWN64),
    COLUMN(process, exit, TEXT),         COLUMN(process, probe, TEXT),
    COLUMN(process, probe_drops, INT64),
};
static const struct sm_column series_columns[] = {
    COLUMN(series, id, INT32),
    COLUMN(series, process_id, INT32),
    COLUMN(series, name, TEXT),
    ENUM(series, unit, SM_UNIT_COUNT_PER_S),
};
static const struct sm_column sample_columns[] = {
    COLUMN(sample, series_id, INT32), COLUMN(sample, t_ns, INT64), COLUMN(sample, value, REAL),
    SAME(sample, low, value),         SAME(sample, high, value),
};
static const struct sm_column module_columns[] = {
    COLUMN(module, id, INT32),
    COLUMN(module, path, TEXT),
    COLUMN(module, build_id, TEXT),
};
static const struct sm_column frame_columns[] = {
    COLUMN(frame, stack_id, INT32),
    COLUMN(frame, depth, INT32),
    COLUMN(frame, module_id, INT32),
    COLUMN(frame, address, UINT64),
};
static const struct sm_column stack_columns[] = {
    COLUMN(stack, id, INT32),
    COLUMN(stack, truncated, INT32),
};
static const struct sm_column symbol_columns[] = {
    COLUMN(symbol, module_id, INT32),    COLUMN(symbol, address, UINT64),
    COLUMN(symbol, inline_depth, INT32), COLUMN(symbol, function, TEXT),
    COLUMN(symbol, file, TEXT),          COLUMN(symbol, line, INT32),
};
static const struct sm_column site_sample_columns[] = {
    COLUMN(site_sample, process_id, INT32),
    COLUMN(site_sample, stack_id, INT32),
    ENUM(site_sample, kind, SM_SITE_MAP),
    COLUMN(site_sample, t_ns, INT64),
    COLUMN(site_sample, alloc_bytes, ESTIMATE),
    COLUMN(site_sample, alloc_count, REAL),
    COLUMN(site_sample, free_bytes, ESTIMATE),
    COLUMN(site_sample, free_count, REAL),
    MICROS(site_sample, age_p50),
    MICROS(site_sample, age_max),
};
static const struct sm_column site_free_columns[] = {
    COLUMN(site_free, process_id, INT32),    COLUMN(site_free, alloc_stack_id, INT32),
    COLUMN(site_free, free_stack_id, INT32), COLUMN(site_free, t_ns, INT64),
    COLUMN(site_free, bytes, ESTIMATE),      COLUMN(site_free, count, REAL),
    MICROS(site_free, residence_p50),        MICROS(site_free, residence_p99),
    MICROS(site_free, residence_max),
};
static const struct sm_column load_interval_columns[] = {
    COLUMN(load_interval, load, TEXT),        COLUMN(load_interval, from_ns, INT64),
    COLUMN(load_interval, to_ns, INT64),      COLUMN(load_interval, offered, INT64),
    COLUMN(load_interval, accepted, INT64),   COLUMN(load_interval, refused, INT64),
    COLUMN(load_interval, unanswered, INT64), COLUMN(load_interval, bytes_offered, INT64),
    MICROS(load_interval, latency_p50),       MICROS(load_interval, latency_p90),
    MICROS(load_interval, latency_p99),       MICROS(load_interval, latency_max),
    MICROS(load_interval, slip_p99),          BLOB(load_interval, histogram),
};
static const struct sm_column load_outcome_columns[] = {
    COLUMN(load_outcome, load, TEXT),
    COLUMN(load_outcome, outcome, TEXT),
    COLUMN(load_outcome, count, INT64),
};
static const struct sm_column fault_columns[] = {
    COLUMN(fault, kind, TEXT),    COLUMN(fault, from_ns, INT64), COLUMN(fault, to_ns, UNKNOWN64),
    COLUMN(fault, asked, TEXT),   COLUMN(fault, calls, INT64),   COLUMN(fault, bytes, INT64),
    COLUMN(fault, delay_s, REAL), COLUMN(fault, note, TEXT),
};
static const struct sm_column budget_item_columns[] = {
    COLUMN(budget_item, name, TEXT),
    COLUMN(budget_item, limit, TEXT),
    COLUMN(budget_item, is_bounded, INT32),
    COLUMN(budget_item, value, REAL),
};
static const struct sm_column declared_bound_columns[] = {
    COLUMN(declared_bound, series, TEXT),
    COLUMN(declared_bound, value, REAL),
};
static const struct sm_column event_columns[] = {
    COLUMN(event, t_ns, INT64),
    COLUMN(event, kind, TEXT),
    COLUMN(event, text, TEXT),
};
static const struct sm_column meta_columns[] = {
    COLUMN(meta, key, TEXT),
    COLUMN(meta, value, TEXT),
};
static const struct sm_column ledger_columns[] = {
    COLUMN(ledger_totals, offered, UNKNOWN64),   COLUMN(ledger_totals, accepted, UNKNOWN64),
    COLUMN(ledger_totals, refused, UNKNOWN64),   COLUMN(ledger_totals, unanswered, UNKNOWN64),
    COLUMN(ledger_totals, delivered, UNKNOWN64), COLUMN(ledger_totals, dropped, UNKNOWN64),
    COLUMN(ledger_totals, in_flight, UNKNOWN64), COLUMN(ledger_totals, unit_bytes, REAL),
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define TABLE(type, array, table_key, table_order)                                                 \
    [SM_TABLE_##type] = {#type,                                                                    \
                         table_key,                                                                \
                         table_order,                                                              \
                         sizeof(struct sm_##type),                                                 \
                         offsetof(struct sm_run, array),                                           \
                         offsetof(struct sm_run, array##_count),                                   \
                         type##_columns,                                                           \
                         COUNT_OF(type##_columns)}

const struct sm_table sm_tables[SM_TABLE_COUNT] = {
    TABLE(phase, phases, "id", "id"),
    TABLE(process, processes, "id", "id"),
    TABLE(series, series, "id", "id"),
    TABLE(sample, samples, NULL, "series_id, t_ns"),
    TABLE(module, modules, "id", "id"),
    TABLE(stack, stacks, "id", "id"),
    TABLE(frame, frames, "stack_id, depth", "stack_id, depth"),
    TABLE(symbol, symbols, "module_id, address, inline_depth", "module_id, address, inline_depth"),
    TABLE(site_sample, site_samples, NULL, "t_ns, rowid"),
    TABLE(site_free, site_frees, NULL, "t_ns, rowid"),
    TABLE(load_interval, load_intervals, NULL, "from_ns, rowid"),
    TABLE(load_outcome, load_outcomes, "load, outcome", "load, outcome"),
    TABLE(fault, faults, "from_ns, kind, asked", "from_ns, kind"),
    TABLE(budget_item, budget_items, NULL, "rowid"),
    TABLE(declared_bound, declared_bounds, "series", "series"),
    TABLE(event, events, NULL, "t_ns, rowid"),
    TABLE(meta, metas, "key", "key"),
};

const struct sm_table sm_ledger_table = {"ledger",
                                         NULL,
                                         "rowid",
                                         sizeof(struct sm_ledger_totals),
                                         offsetof(struct sm_run, ledger),
                                         0,
                                         ledger_columns,
                                         COUNT_OF(ledger_columns)};

static const char *sql_type(enum sm_column_type type) {
    switch (type) {
    case SM_COLUMN_REAL:
    case SM_COLUMN_ESTIMATE:
    case SM_COLUMN_SAME:
        return " REAL";
    case SM_COLUMN_TEXT:
        return " TEXT";
    case SM_COLUMN_BLOB:
        return " BLOB";
    default:
        return " INTEGER";
    }
}

char *sm_schema_create_sql(const struct sm_table *table) {
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "CREATE TABLE \"%w\"(", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(sql, "%s\"%w\"%s", i ? ", " : "", table->columns[i].name,
                            sql_type(table->columns[i].type));
    if (table->key)
        sqlite3_str_appendf(sql, ", PRIMARY KEY(%s)) WITHOUT ROWID", table->key);
    else
        sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

char *sm_schema_insert_sql(const struct sm_table *table) {
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "INSERT OR REPLACE INTO \"%w\" VALUES(", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        sqlite3_str_appendall(sql, i ? ",?" : "?");
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}
