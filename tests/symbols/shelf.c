#include "shelf.h"

/* Keeps a call from being the last thing a function does, which would make it a jump. */
static volatile int work;

const int shelf_innermost_line = __LINE__ + 3;
__attribute__((always_inline)) static inline void innermost(shelf_capture *capture) {
    work++;
    capture();
    work++;
}

const int shelf_middle_line = __LINE__ + 3;
__attribute__((always_inline)) static inline void middle(shelf_capture *capture) {
    work++;
    innermost(capture);
    work++;
}

const int shelf_outer_line = __LINE__ + 3;
void shelf_inlined(shelf_capture *capture) {
    work++;
    middle(capture);
    work++;
}

const int shelf_hidden_line = __LINE__ + 3;
__attribute__((noinline)) static void hidden(shelf_capture *capture) {
    work++;
    capture();
    work++;
}

void shelf_hidden(shelf_capture *capture) {
    hidden(capture);
    work++;
}
