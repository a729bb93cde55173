#include "link_failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What libcurl and OpenSSL say of TLS, without what only they understand:
 * "OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number". False: it is of something
 * else. */
static bool tell_of_tls(const char *said, char words[SM_LINK_WORDS]) {
    static const char problem[] = "SSL certificate problem: ", other[] = "SSL: ",
                      routines[] = ":SSL routines::";
    const char *failed = strstr(said, routines);
    if (strncmp(said, problem, strlen(problem)) == 0)
        snprintf(words, SM_LINK_WORDS, "certificate not trusted: %.80s", said + strlen(problem));
    else if (strncmp(said, other, strlen(other)) == 0 && strstr(said, "subject name"))
        snprintf(words, SM_LINK_WORDS, "certificate not trusted: %.80s", said + strlen(other));
    else if (failed && strstr(failed, "wrong version number"))
        snprintf(words, SM_LINK_WORDS, "no TLS is spoken there: wrong version number");
    else if (failed)
        snprintf(words, SM_LINK_WORDS, "TLS fails: %.90s", failed + strlen(routines));
    else
        return false;
    return true;
}

/* A unix socket whose queue is full answers connect() with EAGAIN, which libcurl takes for
 * progress; the poll that follows then fails without an error. */
int sm_link_why_failed(const struct sm_link_failure *failure, char words[SM_LINK_WORDS]) {
    int code = failure->os_error;
    if (code == 0)
        code = failure->is_unix ? -EAGAIN : -ECONNREFUSED;
    if (code == -ECONNREFUSED)
        snprintf(words, SM_LINK_WORDS, "connection refused%s",
                 failure->has_proxy ? " by the proxy" : "");
    else if (code != -EIO)
        snprintf(words, SM_LINK_WORDS, "cannot connect: %s", strerrordesc_np(-code));
    else if (!tell_of_tls(failure->said, words))
        snprintf(words, SM_LINK_WORDS, "cannot connect: %.90s", failure->said);
    return code;
}
