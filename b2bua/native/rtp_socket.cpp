// SPDX-License-Identifier: GPL-3.0-or-later
#include "rtp_socket.hpp"

#include <errno.h>
#include <sys/socket.h>

#include "relay_latch.hpp"

namespace relay {

namespace {

/// A full socket buffer drops the packet, as any router on its way would.
pj_status_t put(int fd, const pj_sockaddr& to, const void* packet, size_t size)
{
    const ssize_t sent = sendto(fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
                                socklen_t(pj_sockaddr_get_len(&to)));
    return sent >= 0 || errno == EAGAIN ? PJ_SUCCESS : PJ_RETURN_OS_ERROR(errno);
}

}  // namespace

// -- in: the poller's thread ------------------------------------------------------------------------------------------

void RtpSocket::heard_rtp(uint8_t* packet, size_t size, const pj_sockaddr& from)
{
    std::lock_guard<std::mutex> guard(gate);
    if (rtp_cb2) {
        pjmedia_tp_cb_param param = pjmedia_tp_cb_param();
        param.user_data = user_data;
        param.pkt = packet;
        param.size = pj_ssize_t(size);
        param.src_addr = const_cast<pj_sockaddr*>(&from);
        rtp_cb2(&param);
        if (param.rem_switch)
            move(from);
    } else if (rtp_cb) {
        rtp_cb(user_data, packet, pj_ssize_t(size));
    }
}

/// RTCP enters from the host that RTP goes to, whatever its port, and is answered there.
void RtpSocket::heard_rtcp(uint8_t* packet, size_t size, const pj_sockaddr& from)
{
    std::lock_guard<std::mutex> guard(gate);
    {
        std::lock_guard<std::mutex> moment(place);
        if (!pj_sockaddr_has_addr(&rtp_to) || !same_host(from, rtp_to))
            return;
        rtcp_to = rtcp_from = from;
    }
    if (rtcp_cb)
        rtcp_cb(user_data, packet, pj_ssize_t(size));
}

/// The far end is elsewhere: whoever lies above us has judged it.
void RtpSocket::move(const pj_sockaddr& to)
{
    std::lock_guard<std::mutex> moment(place);
    rtp_to = rtp_from = to;
    if (!pj_sockaddr_has_addr(&rtcp_from)) {  // until it has spoken we guess (RFC 3550 section 11)
        rtcp_to = to;
        pj_sockaddr_set_port(&rtcp_to, pj_uint16_t(pj_sockaddr_get_port(&to) + 1));
    }
}

// -- out --------------------------------------------------------------------------------------------------------------

pj_status_t RtpSocket::send_rtp(const void* packet, size_t size)
{
    pj_sockaddr to;
    {
        std::lock_guard<std::mutex> moment(place);
        if (!started || !pj_sockaddr_has_addr(&rtp_to))
            return PJ_SUCCESS;
        to = rtp_to;
    }
    return put(rtp.fd, to, packet, size);
}

pj_status_t RtpSocket::send_rtcp(const pj_sockaddr* to, const void* packet, size_t size)
{
    pj_sockaddr there;
    {
        std::lock_guard<std::mutex> moment(place);
        there = to ? *to : rtcp_to;
        if (!started || !pj_sockaddr_has_addr(&there))
            return PJ_SUCCESS;
    }
    return put(rtcp.fd, there, packet, size);
}

// -- the SIP thread ---------------------------------------------------------------------------------------------------

void RtpSocket::attach(const pjmedia_transport_attach_param& param)
{
    std::lock_guard<std::mutex> guard(gate);
    {
        std::lock_guard<std::mutex> moment(place);
        const int family = rtp_name.addr.sa_family;
        rtp_to = rtcp_to = rtp_from = rtcp_from = pj_sockaddr();
        pj_sockaddr_synthesize(family, &rtp_to, &param.rem_addr);
        if (pj_sockaddr_has_addr(&param.rem_rtcp)) {
            pj_sockaddr_synthesize(family, &rtcp_to, &param.rem_rtcp);
        } else {
            rtcp_to = rtp_to;
            pj_sockaddr_set_port(&rtcp_to, pj_uint16_t(pj_sockaddr_get_port(&rtp_to) + 1));
        }
    }
    user_data = param.user_data;
    rtp_cb = param.rtp_cb;
    rtp_cb2 = param.rtp_cb2;
    rtcp_cb = param.rtcp_cb;
}

void RtpSocket::detach()
{
    stop();
    std::lock_guard<std::mutex> guard(gate);  // a callback that runs has ended now
    user_data = nullptr;
    rtp_cb = nullptr;
    rtp_cb2 = nullptr;
    rtcp_cb = nullptr;
}

pj_status_t RtpSocket::start()
{
    std::lock_guard<std::mutex> moment(place);
    if (!started && !(poller->add(rtp) && poller->add(rtcp)))
        return PJ_RETURN_OS_ERROR(errno);
    started = true;
    return PJ_SUCCESS;
}

void RtpSocket::stop()
{
    std::lock_guard<std::mutex> moment(place);
    if (!started)
        return;
    poller->remove(rtp);
    poller->remove(rtcp);
    started = false;
}

}  // namespace relay
