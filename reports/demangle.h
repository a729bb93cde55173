/* demangle.h - the names of C++ and Rust functions as their authors wrote them. Thread-safe. */
#pragma once

/* Returns the readable form of a linkage name (Itanium C++, Rust legacy and v0), or a copy of the
 * name when it is none of these. malloc'd; NULL when there is no memory. */
char *sm_demangle(const char *name);
