// SPDX-License-Identifier: GPL-3.0-or-later
//
// Latch: which address a leg's RTP may come from (symmetric RTP, RFC 4961). The owner serialises the calls.
#pragma once

#include <cstdint>

#include <pjlib.h>

namespace relay {

/// Two addresses of one host, whatever the port.
bool same_host(const pj_sockaddr& one, const pj_sockaddr& other);

/// Takes the first source that sends a packet that fits, and stays with it.
///
/// Another address is taken only when it is the one that SDP names, or another port of the same host when the locked one
/// has been silent for 2 s, or after a re-INVITE: a stranger who waits for silence does not get in. After a re-INVITE that names another address the old one may still be sending: it is refused for
/// 2 s. The far end of the call that had our port before us is refused as long as it sends that call's stream; if SDP
/// names that very address (the same phone calls again), for 2 s after the former call.
class Latch {
public:
    Latch();
    /// (Re-)INVITE: SDP names this address.
    void signalled(const pj_sockaddr& address, int64_t now_us);
    /// May it enter? true: `move` says whether what we send has to go there from now on.
    bool admit(const pj_sockaddr& source, uint32_t ssrc, int64_t now_us, bool& move);
    bool locked() const { return locked_; }
    const pj_sockaddr& source() const { return source_; }
    uint32_t ssrc() const { return ssrc_; }
    /// What a far end of a former call on this port may still be sending.
    void refuse(const pj_sockaddr& address, uint32_t ssrc, int64_t ended_us);

private:
    bool may_take(const pj_sockaddr& source, uint32_t ssrc, int64_t now_us) const;

    bool locked_, stale_set_, refused_set_;
    pj_sockaddr signalled_, remote_, source_, stale_, refused_;
    uint32_t ssrc_, refused_ssrc_;
    int64_t heard_us_, signalled_us_, ended_us_;
};

/// Remembers who sent to a local port when its call ended, so that the port's next call can refuse it. Thread: any.
void rest_port(unsigned port, const Latch& latch, int64_t now_us);
void refuse_former(unsigned port, Latch& latch, int64_t now_us);

}  // namespace relay
