#include "render.h"

const struct sm_renderer sm_render_table[] = {
    {"text", "what a run prints at its end", sm_render_text},
    {"json", "one object for programs, version 1", sm_render_json},
    {NULL, NULL, NULL},
};
