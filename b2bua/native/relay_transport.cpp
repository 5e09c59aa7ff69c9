// SPDX-License-Identifier: GPL-3.0-or-later
//
// The pjmedia_transport side of RelayLeg: what PJSIP calls. Thread: SIP, except for packets.
#include "relay_leg.hpp"

#include <pjsua-lib/pjsua.h>

namespace relay {

namespace {

RelayLeg* of(pjmedia_transport* tp) { return reinterpret_cast<RelayLeg*>(tp); }

pj_status_t op_get_info(pjmedia_transport* tp, pjmedia_transport_info* info)
{
    return pjmedia_transport_get_info(of(tp)->slave, info);
}

void on_rtp(pjmedia_tp_cb_param* param)
{
    RelayLeg* leg = static_cast<RelayLeg*>(param->user_data);
    if (leg)  // SRTP may still deliver a packet while it is being detached
        leg->received(param);
}

void on_rtcp(void* user_data, void* packet, pj_ssize_t size)
{
    RelayLeg* leg = static_cast<RelayLeg*>(user_data);
    if (leg && leg->rtcp_cb)
        leg->rtcp_cb(leg->stream_data, packet, size);
}

void forget_stream(RelayLeg* leg)
{
    leg->stream_data = nullptr;
    leg->stream = nullptr;
    leg->rtp_cb = nullptr;
    leg->rtp_cb2 = nullptr;
    leg->rtcp_cb = nullptr;
}

/// A stream comes: the first of the call, or the next after a re-INVITE that changed something.
pj_status_t op_attach2(pjmedia_transport* tp, pjmedia_transport_attach_param* param)
{
    RelayLeg* leg = of(tp);
    leg->stream_data = param->user_data;
    leg->stream = static_cast<pjmedia_stream*>(param->stream);
    leg->rtp_cb2 = param->rtp_cb2;
    leg->rtp_cb = param->rtp_cb2 ? nullptr : param->rtp_cb;
    leg->rtcp_cb = param->rtcp_cb;
    {
        std::lock_guard<std::mutex> guard(leg->slot);
        leg->latch.signalled(param->rem_addr, now_us());
    }
    leg->begin_anew();
    pjmedia_transport_attach_param ours = *param;
    ours.user_data = leg;
    ours.rtp_cb = nullptr;
    ours.rtp_cb2 = &on_rtp;
    ours.rtcp_cb = &on_rtcp;
    const pj_status_t status = pjmedia_transport_attach2(leg->slave, &ours);
    if (status != PJ_SUCCESS)
        forget_stream(leg);
    return status;
}

void op_detach(pjmedia_transport* tp, void*)
{
    RelayLeg* leg = of(tp);
    if (!leg->stream_data)
        return;
    unjoin(leg->self);
    pjmedia_transport_detach(leg->slave, leg);  // waits for a callback that runs
    forget_stream(leg);
}

pj_status_t op_send_rtp(pjmedia_transport* tp, const void* packet, pj_size_t size)
{
    return of(tp)->send_own(packet, size);
}

pj_status_t op_send_rtcp(pjmedia_transport* tp, const void* packet, pj_size_t size)
{
    return of(tp)->send_rtcp(nullptr, 0, packet, size);
}

pj_status_t op_send_rtcp2(pjmedia_transport* tp, const pj_sockaddr_t* to, unsigned to_len, const void* packet,
                          pj_size_t size)
{
    return of(tp)->send_rtcp(to, to_len, packet, size);
}

pj_status_t op_media_create(pjmedia_transport* tp, pj_pool_t* pool, unsigned options,
                            const pjmedia_sdp_session* remote, unsigned index)
{
    return pjmedia_transport_media_create(of(tp)->slave, pool, options, remote, index);
}

pj_status_t op_encode_sdp(pjmedia_transport* tp, pj_pool_t* pool, pjmedia_sdp_session* local,
                          const pjmedia_sdp_session* remote, unsigned index)
{
    return pjmedia_transport_encode_sdp(of(tp)->slave, pool, local, remote, index);
}

pj_status_t op_media_start(pjmedia_transport* tp, pj_pool_t* pool, const pjmedia_sdp_session* local,
                           const pjmedia_sdp_session* remote, unsigned index)
{
    of(tp)->read_sdp(local, remote, index);
    return pjmedia_transport_media_start(of(tp)->slave, pool, local, remote, index);
}

pj_status_t op_media_stop(pjmedia_transport* tp)
{
    return pjmedia_transport_media_stop(of(tp)->slave);
}

pj_status_t op_simulate_lost(pjmedia_transport* tp, pjmedia_dir dir, unsigned percent)
{
    return pjmedia_transport_simulate_lost(of(tp)->slave, dir, percent);
}

unsigned local_port(pjmedia_transport* slave)
{
    pjmedia_transport_info info;
    pjmedia_transport_info_init(&info);
    if (pjmedia_transport_get_info(slave, &info) != PJ_SUCCESS || !pj_sockaddr_has_addr(&info.sock_info.rtp_addr_name))
        return 0;
    return pj_sockaddr_get_port(&info.sock_info.rtp_addr_name);
}

/// The group lock's last reference is gone: no callback runs and no stream refers to us.
void on_released(void* argument)
{
    static_cast<RelayLeg*>(argument)->self.reset();  // a partner's packet may be the last to hold it
}

pj_status_t op_destroy(pjmedia_transport* tp)
{
    RelayLeg* leg = of(tp);
    const std::shared_ptr<RelayLeg> alive = leg->self;
    unjoin(alive);
    const unsigned port = local_port(leg->slave);
    {
        std::lock_guard<std::mutex> guard(leg->slot);
        if (port)
            rest_port(port, leg->latch, now_us());
    }
    {
        std::lock_guard<std::mutex> guard(leg->tx);  // a partner that is sending through us has done so now
        leg->open = false;
    }
    if (leg->del_slave)
        pjmedia_transport_close(leg->slave);
    if (leg->base.grp_lock)
        pj_grp_lock_dec_ref(leg->base.grp_lock);
    else
        on_released(leg);
    return PJ_SUCCESS;
}

}  // namespace

pjmedia_transport_op leg_op = {
    &op_get_info, nullptr, &op_detach, &op_send_rtp, &op_send_rtcp, &op_send_rtcp2, &op_media_create, &op_encode_sdp,
    &op_media_start, &op_media_stop, &op_simulate_lost, &op_destroy, &op_attach2};

pjmedia_transport* wrap(pjmedia_transport* slave, bool del_slave, int call_id)
{
    std::shared_ptr<RelayLeg> leg(new RelayLeg(slave, del_slave, call_id));
    pj_ansi_snprintf(leg->base.name, sizeof(leg->base.name), "relay%d", call_id);
    leg->base.type = pjmedia_transport_type(PJMEDIA_TRANSPORT_TYPE_USER + 7);
    leg->base.op = &leg_op;
    leg->base.grp_lock = slave->grp_lock;
    refuse_former(local_port(slave), leg->latch, now_us());
    if (slave->grp_lock) {
        pj_grp_lock_add_ref(slave->grp_lock);
        if (pj_grp_lock_add_handler(slave->grp_lock, nullptr, leg.get(), &on_released) != PJ_SUCCESS) {
            pj_grp_lock_dec_ref(slave->grp_lock);
            return nullptr;
        }
    }
    leg->self = leg;
    return &leg->base;
}

}  // namespace relay
