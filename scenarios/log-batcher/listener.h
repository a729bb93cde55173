/* listener.h - the unix socket the daemon is reached at. */
#pragma once

#include <stdbool.h>

/* Binds and listens. A socket left behind by a daemon that was killed is replaced when
 * unlinks_stale says so; one that a living daemon answers at never is. Returns a descriptor, or -1
 * having printed why. */
int lb_listen(const char *path, bool unlinks_stale);
