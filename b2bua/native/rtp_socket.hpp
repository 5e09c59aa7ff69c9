// SPDX-License-Identifier: GPL-3.0-or-later
//
// RtpSocket: the UDP media transport of one leg, its RTP and its RTCP socket. It takes the place of PJMEDIA's own (the
// linker's --wrap=pjmedia_transport_udp_attach), whose ioqueue costs two more system calls and five locks a packet.
#pragma once

#include <mutex>

#include <pjmedia.h>

#include "rtp_poller.hpp"

namespace relay {

/// Two sockets that the poller reads. PJMEDIA's contract is kept: media_start before anything is read or sent, detach
/// waits for a callback that runs, the last reference to the group lock releases the memory.
///
/// Locks: `gate` is held while a callback runs; `place` (where we send to) for a moment, and nothing is taken under it.
struct RtpSocket {
    pjmedia_transport base;      // first: PJMEDIA hands back a pointer to it
    pj_pool_t* pool;
    Poller* poller;
    Channel rtp, rtcp;
    pj_sockaddr rtp_name, rtcp_name;  // as SDP says them
    bool any_profile;            // PJMEDIA_TPMED_NO_TRANSPORT_CHECKING: SRTP lies above

    std::mutex gate;
    void* user_data;
    void (*rtp_cb)(void*, void*, pj_ssize_t);
    void (*rtp_cb2)(pjmedia_tp_cb_param*);
    void (*rtcp_cb)(void*, void*, pj_ssize_t);

    std::mutex place;
    bool started;
    pj_sockaddr rtp_to, rtcp_to; // no address: nothing is sent
    pj_sockaddr rtp_from, rtcp_from;

    void heard_rtp(uint8_t* packet, size_t size, const pj_sockaddr& from);
    void heard_rtcp(uint8_t* packet, size_t size, const pj_sockaddr& from);
    pj_status_t send_rtp(const void* packet, size_t size);
    pj_status_t send_rtcp(const pj_sockaddr* to, const void* packet, size_t size);
    void attach(const pjmedia_transport_attach_param& param);
    void detach();
    pj_status_t start();
    void stop();

private:
    void move(const pj_sockaddr& to);
};

}  // namespace relay
