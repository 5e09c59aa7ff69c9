// SPDX-License-Identifier: GPL-3.0-or-later
//
// Gate: answers, before PJSUA sees them, the requests that are nobody's call: strangers, drain, loops, keep-alive
// OPTIONS, methods a B2BUA does not serve outside a dialog.
#pragma once

#include <string>

/// A PJSIP module between the transaction layer (retransmissions of what we serve never get here) and the dialog layer.
///
/// Requests with a To tag pass: they belong to a dialog or get PJSIP's 481. Not so CANCEL, and REGISTER, which PJSIP
/// would leave without an answer. These and the requests without a To tag are judged in this order:
///   source not allowed     403 (ACK: dropped)            refused_unknown
///   OPTIONS                200, while draining 503       options
///   INVITE, Max-Forwards 0 483                           refused_hops
///   INVITE while draining  503 with Retry-After          refused_draining
///   BYE                    481                           refused_method
///   methods we know        405 with Allow                refused_method
///   other methods          501 with Allow                refused_method
/// INVITE, ACK and CANCEL pass on. Answers are stateless: the To tag is derived from the branch, so a retransmission
/// gets the same answer, and no transaction is kept for a stranger.
///
/// One per process; create it after Endpoint.libInit. It starts with no network allowed. It is never unregistered:
/// PJSIP drops its modules when the library is destroyed. Thread: callbacks and methods run on the SIP thread; counters
/// may be read from any.
class Gate {
public:
    Gate();  ///< std::logic_error when PJSUA is not initialised or a Gate exists

    /// Adds a network ("192.0.2.0/24", "2001:db8::/32") or an address. False: not a network, nothing changed.
    bool allow(const std::string& cidr);
    void forbid_all();                            ///< empties the list of networks
    bool is_allowed(const std::string& address) const;
    void drain(bool on, int retry_after_s);       ///< retry_after_s < 1: no Retry-After header

    unsigned long long refused_unknown() const;
    unsigned long long refused_draining() const;
    unsigned long long refused_hops() const;
    unsigned long long refused_method() const;
    unsigned long long options() const;
    unsigned long long malformed() const;         ///< packets PJSIP cannot parse, or without basic headers; it ignores UDP below 32 bytes
    std::string last_refused() const;             ///< "403 INVITE from address:port" of the latest refusal; "" at first
};
