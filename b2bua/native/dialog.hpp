// SPDX-License-Identifier: GPL-3.0-or-later
//
// What a B2BUA must do inside a dialog and pjsua2 does not offer. Thread: SIP, all of it.
#pragma once

#include <string>

/// Reduces the SDP answer that waits to be sent on an incoming call to one codec (and telephone-event), so that both
/// legs of a call use the same one. codec: as in rtpmap with the clock rate, lower case, "pcma/8000".
/// Returns 1 when the answer is now so; 0 when nothing was changed: the caller did not offer that codec, there is no
/// answer waiting (late offer, or sent already), or no such call.
int limit_answer(int call_id, const std::string& codec);

/// Takes INFO with digits away from PJSUA, whose reader wants CRLF and one order of lines: from now on every INFO comes
/// to onCallTsxState unanswered, and must get its answer there by respond(). Call once, after Endpoint.libInit.
void take_info();

/// Answers a request inside onCallTsxState: tsx and rdata are SipTransaction.pjTransaction and SipRxData.pjRxData of
/// that event. header: one more field, "Name: value", or "". Returns a pj_status_t.
int respond(unsigned long long tsx, unsigned long long rdata, int code, const std::string& header);
