#include "link_failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A unix socket whose queue is full answers connect() with EAGAIN, which libcurl takes for
 * progress; the poll that follows then fails without an error. */
int sm_link_why_failed(const struct sm_link_failure *failure, char words[SM_LINK_WORDS]) {
    static const char distrust[] = "SSL certificate problem: ";
    const char *said = failure->said;
    int code = failure->os_error;
    if (code == 0)
        code = failure->is_unix ? -EAGAIN : -ECONNREFUSED;
    if (code == -ECONNREFUSED)
        snprintf(words, SM_LINK_WORDS, "connection refused%s",
                 failure->has_proxy ? " by the proxy" : "");
    else if (code != -EIO)
        snprintf(words, SM_LINK_WORDS, "cannot connect: %s", strerrordesc_np(-code));
    else if (strncmp(said, distrust, strlen(distrust)) == 0)
        snprintf(words, SM_LINK_WORDS, "certificate not trusted: %.80s", said + strlen(distrust));
    else
        snprintf(words, SM_LINK_WORDS, "cannot connect: %.90s", said);
    return code;
}
