/* outcome.h - what becomes of a message at the server: Outcome of recorder.proto. */
#pragma once

enum rc_outcome { RC_TAKEN, RC_PRESSURE, RC_TOO_LARGE, RC_RELIEF };

/* Fields of WriteReply, less one. */
enum { RC_REPLY_ID, RC_REPLY_OUTCOME, RC_REPLY_LIMIT, RC_REPLY_FIELDS };
