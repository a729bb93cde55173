/* doctor.h - what this machine allows: one test per way of working, each done on a small example
 * in a directory of its own. Used by verb_doctor.c, and by faults to choose their way. They fork:
 * call them before the process has threads. */
#pragma once

#include <stdbool.h>

enum { SM_DOCTOR_NOTE_BYTES = 160 };

struct sm_doctor_check {
    const char *name;
    const char *gives; /* what works by it */
    const char *todo;  /* what to install or allow when it fails */
    bool essential;    /* the main way needs it */
    /* Tries it in the temporary directory `dir`: 0, or a negative errno. `note` gets what was
     * seen, or stays empty. */
    int (*test)(const char *dir, char *note);
};

/* The tests (doctor_supervisor.c). */
int sm_doctor_slow_disk(const char *dir, char *note);
int sm_doctor_all_writes(const char *dir, char *note);
int sm_doctor_fuse(const char *dir, char *note);
int sm_doctor_read_process(const char *dir, char *note);
/* (doctor_probe.c) */
int sm_doctor_probe(const char *dir, char *note);
int sm_doctor_stacks(const char *dir, char *note);
/* (doctor_machine.c) */
int sm_doctor_memfd(const char *dir, char *note);
int sm_doctor_process_files(const char *dir, char *note);
int sm_doctor_sock_diag(const char *dir, char *note);
int sm_doctor_clock(const char *dir, char *note);
/* (doctor_actors.c) */
int sm_doctor_pause(const char *dir, char *note);
int sm_doctor_relay(const char *dir, char *note);
int sm_doctor_services(const char *dir, char *note);
int sm_doctor_data_limit(const char *dir, char *note);
/* (doctor_cgroup.c) */
int sm_doctor_memory_cgroup(const char *dir, char *note);
int sm_doctor_disk_cgroup(const char *dir, char *note);
