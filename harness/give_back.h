/* give_back.h - what a process has used once and does not need any more goes back to the system. */
#pragma once

/* Hands back the pages of code and constants that lie in files: starting up touches those of some
 * forty libraries, of which a load uses few. What is used again comes from the page cache, unread
 * from any disk. Of no consequence where it fails. Any thread; others may run meanwhile. */
void sm_give_back_code(void);
