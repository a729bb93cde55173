/* paths.h - where the parts of an installation are, relative to the running program.
 *
 * PREFIX/bin/spillmark, PREFIX/lib/spillmark/libspillmark-probe.so, PREFIX/lib/spillmark/pipelines,
 * PREFIX/share/spillmark/scenarios; the build tree has the same layout. The texts are static and
 * never NULL; that a thing is really there is for its user to find out. Any thread. */
#pragma once

const char *sm_path_probe(void);     /* the library to preload */
const char *sm_path_pipelines(void); /* directory of the shipped pipelines: ${bin} */
const char *sm_path_scenarios(void); /* directory of the shipped scenarios */
