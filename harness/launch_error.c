/* launch_error.c - the sentence for each way a program can fail to start. */
#include <errno.h>
#include <stdio.h>

#include "launch.h"

static int usage(struct sm_error *err, int code) {
    if (err && err->status == 0)
        err->status = SM_STATUS_USAGE;
    return code;
}

static int explain_exec(const struct sm_launch_result *result, struct sm_error *err) {
    const char *program = result->program;
    switch (result->code) {
    case -ENOENT:
        if (result->interpreter[0])
            return usage(err, sm_error_set(err, result->code, program,
                                           "install it, or mend the program's first line",
                                           "its interpreter \"%s\" does not exist",
                                           result->interpreter));
        return usage(err, sm_error_set(err, result->code, program, "check the path",
                                       "the program does not exist"));
    case -EACCES:
        return usage(err, sm_error_set(err, result->code, program, "chmod +x, or check the path",
                                       result->interpreter[0]
                                           ? "the program or its interpreter may not be executed"
                                           : "the program may not be executed"));
    case -ENOEXEC:
        return usage(err, sm_error_set(err, result->code, program,
                                       "give a program for this machine, or a script with #!",
                                       "not a program that this machine can run"));
    default:
        return sm_error_errno(err, result->code, program, NULL, "the program cannot be started");
    }
}

int sm_launch_explain(const struct sm_launch_result *result, const struct sm_spawn *spawn,
                      struct sm_error *err) {
    const char *name = spawn->argv[0];
    switch (result->stage) {
    case SM_LAUNCH_CWD:
        return usage(err, sm_error_errno(err, result->code, spawn->cwd, "check cwd",
                                         "the working directory cannot be entered"));
    case SM_LAUNCH_OUTPUT:
        return sm_error_errno(err, result->code, spawn->output_path, NULL,
                              "the output of %s cannot be kept here", name);
    case SM_LAUNCH_LIMIT:
        return sm_error_errno(err, result->code, name, NULL, "the memory limit cannot be set");
    case SM_LAUNCH_USER:
        return sm_error_errno(err, result->code, name, NULL, "the user cannot be changed");
    case SM_LAUNCH_SUPERVISOR:
        return sm_error_errno(err, result->code, name, "see spillmark doctor",
                              "the program cannot be put under supervision");
    case SM_LAUNCH_LOOKUP:
        return usage(err, sm_error_set(err, result->code, name, "install it, or give its path",
                                       "no such program in PATH"));
    case SM_LAUNCH_EXEC:
        return explain_exec(result, err);
    default:
        return sm_error_errno(err, result->code, name, NULL, "no process can be made");
    }
}
