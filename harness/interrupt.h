/* interrupt.h - Ctrl-C and its relatives: SIGINT, SIGTERM and SIGHUP ask the run to stop. */
#pragma once

/* Installs the handlers (SIGPIPE is ignored as well). Call once, before threads. */
void sm_interrupt_install(void);

/* The signal that asked to stop, 0 while none has. Async-safe, any thread. */
int sm_interrupt_pending(void);
