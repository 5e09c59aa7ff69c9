// SPDX-License-Identifier: GPL-3.0-or-later
//
// The pjmedia_transport side of RtpSocket: what PJSIP calls. Thread: SIP, except for packets.
#include <sys/socket.h>

#include <bitset>
#include <new>

#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

#include "rtp_socket.hpp"

namespace relay {

namespace {

std::bitset<0x10000> taken;  // RTP ports of legs

RtpSocket* of(pjmedia_transport* tp) { return reinterpret_cast<RtpSocket*>(tp); }

/// PJSUA goes round the range of ports and gives up at a hundred taken ones in a row, so calls that outlast a round
/// would cost new ones their answer (500). Its next port is one that no leg of ours has.
void skip_taken()
{
    for (pjsua_acc& acc : pjsua_var.acc) {
        const unsigned first = acc.cfg.rtp_cfg.port, last = first + acc.cfg.rtp_cfg.port_range;
        if (!acc.valid || acc.next_rtp_port == 0)
            continue;
        unsigned port = acc.next_rtp_port;
        for (unsigned left = acc.cfg.rtp_cfg.port_range / 2; left > 0 && (port > last || taken[port]); left--)
            port = port + 2 > last ? first : port + 2;
        acc.next_rtp_port = pj_uint16_t(port);
    }
}

pj_status_t op_get_info(pjmedia_transport* tp, pjmedia_transport_info* info)
{
    RtpSocket& socket = *of(tp);
    std::lock_guard<std::mutex> moment(socket.place);
    info->sock_info.rtp_sock = socket.rtp.fd;
    info->sock_info.rtcp_sock = socket.rtcp.fd;
    info->sock_info.rtp_addr_name = socket.rtp_name;
    info->sock_info.rtcp_addr_name = socket.rtcp_name;
    info->src_rtp_name = socket.rtp_from;
    info->src_rtcp_name = socket.rtcp_from;
    if (info->specific_info_cnt < PJ_ARRAY_SIZE(info->spc_info)) {
        pjmedia_transport_specific_info& own = info->spc_info[info->specific_info_cnt++];
        own.type = PJMEDIA_TRANSPORT_TYPE_UDP;
        own.cbsize = 0;
    }
    return PJ_SUCCESS;
}

pj_status_t op_attach2(pjmedia_transport* tp, pjmedia_transport_attach_param* param)
{
    of(tp)->attach(*param);
    return PJ_SUCCESS;
}

void op_detach(pjmedia_transport* tp, void*) { of(tp)->detach(); }

pj_status_t op_send_rtp(pjmedia_transport* tp, const void* packet, pj_size_t size)
{
    return of(tp)->send_rtp(packet, size);
}

pj_status_t op_send_rtcp(pjmedia_transport* tp, const void* packet, pj_size_t size)
{
    return of(tp)->send_rtcp(nullptr, packet, size);
}

pj_status_t op_send_rtcp2(pjmedia_transport* tp, const pj_sockaddr_t* to, unsigned, const void* packet, pj_size_t size)
{
    return of(tp)->send_rtcp(static_cast<const pj_sockaddr*>(to), packet, size);
}

pj_status_t op_media_create(pjmedia_transport* tp, pj_pool_t*, unsigned options, const pjmedia_sdp_session*, unsigned)
{
    of(tp)->any_profile = (options & PJMEDIA_TPMED_NO_TRANSPORT_CHECKING) != 0;
    return PJ_SUCCESS;
}

pj_uint32_t profile(const pjmedia_sdp_media* media)
{
    pj_uint32_t proto = pjmedia_sdp_transport_get_proto(&media->desc.transport);
    PJMEDIA_TP_PROTO_TRIM_FLAG(proto, PJMEDIA_TP_PROFILE_RTCP_FB);
    return proto;
}

/// Without SRTP above us we speak RTP/AVP and nothing else.
pj_status_t op_encode_sdp(pjmedia_transport* tp, pj_pool_t* pool, pjmedia_sdp_session* local,
                          const pjmedia_sdp_session* remote, unsigned index)
{
    pjmedia_sdp_media* ours = local->media[index];
    if (of(tp)->any_profile || (profile(ours) == PJMEDIA_TP_PROTO_RTP_AVP &&
                                (!remote || profile(remote->media[index]) == PJMEDIA_TP_PROTO_RTP_AVP)))
        return PJ_SUCCESS;
    pjmedia_sdp_media_deactivate(pool, ours);
    return PJMEDIA_SDP_EINPROTO;
}

pj_status_t op_media_start(pjmedia_transport* tp, pj_pool_t*, const pjmedia_sdp_session*, const pjmedia_sdp_session*,
                           unsigned)
{
    return of(tp)->start();
}

pj_status_t op_media_stop(pjmedia_transport* tp)
{
    of(tp)->stop();
    return PJ_SUCCESS;
}

pj_status_t op_simulate_lost(pjmedia_transport*, pjmedia_dir, unsigned) { return PJ_SUCCESS; }

void on_released(void* argument)
{
    RtpSocket* socket = static_cast<RtpSocket*>(argument);
    pj_pool_t* pool = socket->pool;
    socket->~RtpSocket();
    pj_pool_release(pool);
}

pj_status_t op_destroy(pjmedia_transport* tp)
{
    RtpSocket& socket = *of(tp);
    socket.detach();
    taken.reset(pj_sockaddr_get_port(&socket.rtp_name));
    pj_sock_close(socket.rtp.fd);
    pj_sock_close(socket.rtcp.fd);
    pj_grp_lock_t* lock = socket.base.grp_lock;
    socket.poller->bury(&socket);  // events it has taken already may still name the channels
    pj_grp_lock_dec_ref(lock);
    return PJ_SUCCESS;
}

pjmedia_transport_op socket_op = {
    &op_get_info, nullptr, &op_detach, &op_send_rtp, &op_send_rtcp, &op_send_rtcp2, &op_media_create, &op_encode_sdp,
    &op_media_start, &op_media_stop, &op_simulate_lost, &op_destroy, &op_attach2};

void widen(int fd)
{
    int receive = PJMEDIA_TRANSPORT_SO_RCVBUF_SIZE, send = PJMEDIA_TRANSPORT_SO_SNDBUF_SIZE;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
}

/// The transport on two bound sockets, which are its own from now on.
RtpSocket* make(pjmedia_endpt* endpt, const pjmedia_sock_info& info)
{
    pj_pool_t* pool = pjmedia_endpt_create_pool(endpt, "rtp%p", 1024, 512);
    Poller* poller = Poller::of(endpt);
    pj_grp_lock_t* lock = nullptr;
    if (!pool || !poller || pj_grp_lock_create(pool, nullptr, &lock) != PJ_SUCCESS) {
        if (pool)
            pj_pool_release(pool);
        return nullptr;
    }
    RtpSocket* made = new (pj_pool_zalloc(pool, sizeof(RtpSocket))) RtpSocket();
    pj_ansi_strxcpy(made->base.name, pool->obj_name, sizeof(made->base.name));
    made->base.type = PJMEDIA_TRANSPORT_TYPE_UDP;
    made->base.op = &socket_op;
    made->base.grp_lock = lock;
    made->pool = pool;
    made->poller = poller;
    made->rtp = Channel{made, int(info.rtp_sock), false};
    made->rtcp = Channel{made, int(info.rtcp_sock), true};
    made->rtp_name = info.rtp_addr_name;
    made->rtcp_name = info.rtcp_addr_name;
    widen(made->rtp.fd);
    pj_grp_lock_add_ref(lock);   // PJMEDIA's
    pj_grp_lock_add_ref(lock);   // the poller's
    pj_grp_lock_add_handler(lock, pool, made, &on_released);
    return made;
}

}  // namespace

}  // namespace relay

/// In place of PJMEDIA's function of that name, which nothing calls any more. Thread: SIP.
extern "C" pj_status_t __wrap_pjmedia_transport_udp_attach(pjmedia_endpt* endpt, const char*,
                                                           const pjmedia_sock_info* info, unsigned,
                                                           pjmedia_transport** transport)
{
    relay::RtpSocket* made = relay::make(endpt, *info);
    if (!made)
        return PJ_ENOMEM;
    relay::taken.set(pj_sockaddr_get_port(&made->rtp_name));
    relay::skip_taken();
    *transport = &made->base;
    return PJ_SUCCESS;
}
