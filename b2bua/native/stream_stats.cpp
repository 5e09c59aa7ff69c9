// SPDX-License-Identifier: GPL-3.0-or-later
#include "stream_stats.hpp"

#include <pjsua-lib/pjsua.h>

namespace {

const double USEC_PER_MS = 1000.0;

void copy_info(const pjmedia_stream_info& info, StreamStats& out)
{
    char address[PJ_INET6_ADDRSTRLEN + 10];
    out.codec.assign(info.fmt.encoding_name.ptr, size_t(info.fmt.encoding_name.slen));
    out.clock_rate_hz = info.fmt.clock_rate;
    out.tx_pt = int(info.tx_pt);
    out.rx_pt = int(info.rx_pt);
    out.tx_event_pt = info.tx_event_pt;
    out.rx_event_pt = info.rx_event_pt;
    if (pj_sockaddr_has_addr(&info.rem_addr))
        out.remote_rtp = pj_sockaddr_print(&info.rem_addr, address, sizeof(address), 3);  // 3: port and brackets
}

void copy_stat(const pjsua_stream_stat& stat, StreamStats& out)
{
    const pjmedia_rtcp_stat& rtcp = stat.rtcp;
    out.rx_packets = rtcp.rx.pkt;
    out.rx_lost = rtcp.rx.loss;
    out.rx_discarded = rtcp.rx.discard;
    out.rx_reorder = rtcp.rx.reorder;
    out.rx_dup = rtcp.rx.dup;
    out.rx_jitter_ms = rtcp.rx.jitter.mean / USEC_PER_MS;
    out.rx_jitter_max_ms = rtcp.rx.jitter.max / USEC_PER_MS;
    out.tx_packets = rtcp.tx.pkt;
    out.tx_lost = rtcp.tx.loss;
    out.tx_jitter_ms = rtcp.tx.jitter.mean / USEC_PER_MS;
    out.rtt_ms = rtcp.rtt.mean / USEC_PER_MS;
    out.jitter_buffer_ms = stat.jbuf.avg_delay;
}

}  // namespace

StreamStats stream_stats(int call_id)
{
    StreamStats out = StreamStats();
    out.tx_event_pt = out.rx_event_pt = -1;
    if (call_id < 0 || call_id >= int(pjsua_call_get_max_count()))
        return out;
    for (unsigned media = 0; media < PJMEDIA_MAX_SDP_MEDIA; ++media) {
        pjsua_stream_info info;
        pjsua_stream_stat stat;
        if (pjsua_call_get_stream_info(call_id, media, &info) != PJ_SUCCESS || info.type != PJMEDIA_TYPE_AUDIO)
            continue;
        if (pjsua_call_get_stream_stat(call_id, media, &stat) != PJ_SUCCESS)
            continue;
        copy_info(info.info.aud, out);
        copy_stat(stat, out);
        out.valid = true;
        break;
    }
    return out;
}
