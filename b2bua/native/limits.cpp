// SPDX-License-Identifier: GPL-3.0-or-later
#include "limits.hpp"

#include <pjlib.h>
#include <pjsip.h>

namespace {
const int WARNINGS = 3;  // pjlib's levels: 1 fatal, 2 error, 3 warning; replaced by EpConfig.logConfig in libInit
}

void init_limits()
{
    pjsip_cfg_t* cfg = pjsip_cfg();
    pj_log_set_level(WARNINGS);
    // RFC 3261 18.1.1 moves requests over 1300 bytes to TCP. Phones and PBXs on UDP mostly do not listen there, and
    // UDP fragments arrive: stay on the transport the other side was reached by.
    cfg->endpt.disable_tcp_switch = PJ_TRUE;
    // A UAS may send different SDP in later provisional responses (early media from a second announcement server):
    // take the newest, but only within one dialog.
    cfg->endpt.follow_early_media_fork = PJ_TRUE;
    cfg->endpt.accept_multiple_sdp_answers = PJ_TRUE;
    // Never ask the resolver for the host's own name; the transports' addresses are configured.
    cfg->endpt.resolve_hostname_to_get_interface = PJ_FALSE;
    // ";alias" (RFC 5923) in Via makes some PBXs reuse the wrong connection; nothing here relies on it.
    cfg->endpt.req_has_via_alias = PJ_FALSE;
}
