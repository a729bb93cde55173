/* link_failure.h - why a connection could not be made, in words. Pure. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#include "link.h"

struct sm_link_failure {
    CURLcode result;
    int os_error;     /* negative errno of a failed connect; 0: none was kept; else -EIO */
    const char *said; /* libcurl's words */
    bool is_unix, has_proxy;
};

/* In the words of the system where it has some, else of libcurl. Returns the negative errno it
 * comes down to: -EAGAIN when the peer's queue of connections is full for now. */
int sm_link_why_failed(const struct sm_link_failure *failure, char words[SM_LINK_WORDS]);
