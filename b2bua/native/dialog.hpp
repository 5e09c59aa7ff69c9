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

/// Takes requests away from PJSUA that it would deal with by itself. Call once, after Endpoint.libInit.
/// INFO with digits, whose reader there wants CRLF and one order of lines: it comes to onCallTsxState unanswered and must
/// get its answer there by respond(). Replaces (RFC 3891) of an INVITE: PJSUA does not see it, so that the INVITE comes to
/// onIncomingCall like any other; the text of the message there still has it.
/// A REFER inside a dialog needs no more than an answer by respond() in onCallTsxState: PJSUA then leaves it alone.
void take_requests();

/// The dialog's tags, "local remote", which with its Call-ID are its name (RFC 3261 12); remote is empty before the first
/// answer with a tag. "" when there is no such call.
std::string dialog_tags(int call_id);

/// Answers 401 and 407 inside this dialog (to INVITE, REFER, BYE, ...) with this user and password; realm "*" is any.
/// False when there is no such call. PJSIP keeps copies.
bool set_credentials(int call_id, const std::string& realm, const std::string& user, const std::string& password);

/// Answers a request inside onCallTsxState: tsx and rdata are SipTransaction.pjTransaction and SipRxData.pjRxData of
/// that event. headers: more fields, "Name: value", one a line, or "". Returns a pj_status_t.
int respond(unsigned long long tsx, unsigned long long rdata, int code, const std::string& headers);
