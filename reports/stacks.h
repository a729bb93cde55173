/* stacks.h - call stacks of a run with their functions, files and lines. Thread-safe. */
#pragma once

#include "model.h"

/* A function on a stack, innermost first; inlined calls are frames of their own. Texts belong to
 * the run or are static; never NULL, "" where unknown. */
struct sm_stack_frame {
    const char *function, *file, *module;
    int line; /* 0 = unknown */
    uint64_t address;
    int module_id;  /* 0 = unknown */
    int is_inlined; /* into the next frame, at the same address */
};

/* Writes up to `capacity` frames and returns how many the stack has (0 = no such stack). Frames of
 * modules without symbols have an empty function. */
size_t sm_stack_frames(const struct sm_run *run, int stack_id, struct sm_stack_frame *frames,
                       size_t capacity);

/* Which frame to name when there is room for one: the innermost of the program's own code, past
 * the allocator, the C library and the language's run-time; the innermost of a script where a map
 * of run-time code names one. An index into frames; 0 when there is no better one. */
size_t sm_stack_culprit(const struct sm_stack_frame *frames, size_t count);

/* "function (file:line)", or "module+0xaddress", into the buffer; returns it. The file is shown
 * by its last component. */
char *sm_stack_frame_text(const struct sm_stack_frame *frame, char *buffer, size_t buffer_bytes);

/* The text of the culprit of a stack, "an unknown stack" when it has no frames. */
char *sm_stack_text(const struct sm_run *run, int stack_id, char *buffer, size_t buffer_bytes);
