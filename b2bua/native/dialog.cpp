// SPDX-License-Identifier: GPL-3.0-or-later
#include "dialog.hpp"

#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <vector>

#include "relay_leg.hpp"

namespace {

std::string lower(const pj_str_t& text) {
    std::string out(text.ptr, static_cast<size_t>(text.slen));
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

/// Name and clock rate of one format; RFC 3551's static types need no rtpmap.
std::string format_name(const pjmedia_sdp_media* media, const pj_str_t& format) {
    if (const pjmedia_sdp_attr* attr = pjmedia_sdp_media_find_attr2(media, "rtpmap", &format)) {
        pjmedia_sdp_rtpmap map;
        if (pjmedia_sdp_attr_get_rtpmap(attr, &map) == PJ_SUCCESS)
            return lower(map.enc_name) + "/" + std::to_string(map.clock_rate);
    }
    switch (pj_strtoul(&format)) {
        case 0: return "pcmu/8000";
        case 8: return "pcma/8000";
        case 9: return "g722/8000";
        case 18: return "g729/8000";
        default: return "";
    }
}

pjmedia_sdp_media* audio_of(const pjmedia_sdp_session* sdp) {
    for (unsigned i = 0; i < sdp->media_count; ++i)
        if (pj_stricmp2(&sdp->media[i]->desc.media, "audio") == 0) return sdp->media[i];
    return nullptr;
}

bool offers(const pjmedia_sdp_media* media, const std::string& codec) {
    for (unsigned i = 0; i < media->desc.fmt_count; ++i)
        if (format_name(media, media->desc.fmt[i]) == codec) return true;
    return false;
}

void forget(pjmedia_sdp_media* media, const pj_str_t& format) {
    for (const char* name : {"rtpmap", "fmtp"})
        if (pjmedia_sdp_attr* attr = pjmedia_sdp_media_find_attr2(media, name, &format))
            pjmedia_sdp_media_remove_attr(media, attr);
}

void keep_only(pjmedia_sdp_media* media, const std::string& codec) {
    unsigned kept = 0;
    for (unsigned i = 0; i < media->desc.fmt_count; ++i) {
        const std::string name = format_name(media, media->desc.fmt[i]);
        if (name == codec || name.rfind("telephone-event/", 0) == 0)
            media->desc.fmt[kept++] = media->desc.fmt[i];
        else
            forget(media, media->desc.fmt[i]);
    }
    media->desc.fmt_count = kept;
}

const pj_str_t kApplication = {const_cast<char*>("application"), 11};
const pj_str_t kDtmfRelay = {const_cast<char*>("dtmf-relay"), 10};
const pj_str_t kOurs = {const_cast<char*>("dtmf-relay-b2bua"), 16};  // no name that PJSUA's INFO reader knows

/// PJSUA would answer an INVITE with Replaces itself and end the leg it names. The text of the message keeps the field.
void hide_replaces(pjsip_msg* msg) {
    const pj_str_t name = {const_cast<char*>("Replaces"), 8};
    while (void* found = pjsip_msg_find_hdr_by_name(msg, &name, nullptr)) pj_list_erase(found);
}

pj_bool_t on_rx_request(pjsip_rx_data* rdata) {
    const pjsip_method& method = rdata->msg_info.msg->line.req.method;
    if (method.id == PJSIP_INVITE_METHOD) hide_replaces(rdata->msg_info.msg);
    pjsip_msg_body* body = rdata->msg_info.msg->body;
    if (body && pj_stricmp2(&method.name, "INFO") == 0 && pj_stricmp(&body->content_type.type, &kApplication) == 0 &&
        pj_stricmp(&body->content_type.subtype, &kDtmfRelay) == 0)
        body->content_type.subtype = kOurs;
    return PJ_FALSE;
}

pjsip_module info_module = {
    nullptr, nullptr, {const_cast<char*>("mod-b2bua-info"), 14}, -1,
    PJSIP_MOD_PRIORITY_UA_PROXY_LAYER - 2,  // before the dialog layer hands the request to PJSUA
    nullptr, nullptr, nullptr, nullptr, &on_rx_request, nullptr, nullptr, nullptr, nullptr};

const unsigned kUpdateMs = 100;  // a key that is held down is told so often; Keys.SILENCE_S is three times as long
void (*told_event)(pjsua_call_id, const pjsua_dtmf_event*) = nullptr;

struct Told {
    std::atomic<unsigned> stamp_ms{0}, duration_ms{0};
    std::atomic<int64_t> at_us{0};
} told_events[PJSUA_MAX_CALLS];  // the last RFC 4733 packet of a call that went on to pjsua2

/// Each packet of a press is an event, each event a job of pjsua2's queue, which discards beyond 1024: 200 callers who
/// press at once would lose digits. Begin and end go on, and as much as is needed to see that a key is still down.
/// Media thread.
void on_event(pjsua_call_id call_id, const pjsua_dtmf_event* event) {
    if (call_id < 0 || call_id >= PJSUA_MAX_CALLS) return;
    Told& told = told_events[call_id];
    const int64_t now = relay::now_us();
    if (event->flags == PJMEDIA_STREAM_DTMF_IS_UPDATE && event->timestamp == told.stamp_ms &&
        now - told.at_us < kUpdateMs * 1000 && event->duration - told.duration_ms < kUpdateMs)
        return;
    told.stamp_ms = event->timestamp;
    told.duration_ms = event->duration;
    told.at_us = now;
    told_event(call_id, event);
}

/// Under PjsuaLock.
pjsip_inv_session* invite_of(int call_id) {
    return call_id >= 0 && call_id < static_cast<int>(pjsua_var.ua_cfg.max_calls) ? pjsua_var.calls[call_id].inv : nullptr;
}

pjsip_dialog* dialog_of(int call_id) {
    pjsip_inv_session* inv = invite_of(call_id);
    return inv ? inv->dlg : nullptr;
}

std::string text(const pj_str_t& value) { return std::string(value.ptr, static_cast<size_t>(value.slen)); }

pj_str_t borrowed(const std::string& value) {
    return {const_cast<char*>(value.data()), static_cast<pj_ssize_t>(value.size())};
}

void add_header(pjsip_tx_data* tdata, const std::string& line) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) return;
    const std::string name = line.substr(0, colon), value = line.substr(colon + 2);
    pj_str_t hname = borrowed(name), hvalue = borrowed(value);
    pjsip_msg_add_hdr(tdata->msg, reinterpret_cast<pjsip_hdr*>(
        pjsip_generic_string_hdr_create(tdata->pool, &hname, &hvalue)));
}

}  // namespace

int limit_answer(int call_id, const std::string& codec) {
    relay::PjsuaLock lock;
    pjsip_inv_session* inv = invite_of(call_id);
    const pjmedia_sdp_session *local = nullptr, *remote = nullptr;
    if (inv && inv->neg && pjmedia_sdp_neg_get_state(inv->neg) == PJMEDIA_SDP_NEG_STATE_WAIT_NEGO &&
        pjmedia_sdp_neg_get_neg_local(inv->neg, &local) == PJ_SUCCESS &&
        pjmedia_sdp_neg_get_neg_remote(inv->neg, &remote) == PJ_SUCCESS) {
        pjmedia_sdp_media *ours = audio_of(local), *theirs = audio_of(remote);
        if (ours && theirs && offers(theirs, codec) && offers(ours, codec)) {
            keep_only(ours, codec);
            return 1;
        }
    }
    return 0;
}

void take_requests() {
    if (info_module.id < 0) pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &info_module);
    if (pjsua_var.ua_cfg.cb.on_dtmf_event == &on_event) return;
    told_event = pjsua_var.ua_cfg.cb.on_dtmf_event;
    pjsua_var.ua_cfg.cb.on_dtmf_event = &on_event;
}

std::string dialog_tags(int call_id) {
    relay::PjsuaLock lock;
    const pjsip_dialog* dlg = dialog_of(call_id);
    return dlg ? text(dlg->local.info->tag) + " " + text(dlg->remote.info->tag) : "";
}

bool set_credentials(int call_id, const std::string& realm, const std::string& user, const std::string& password) {
    relay::PjsuaLock lock;
    pjsip_dialog* dlg = dialog_of(call_id);
    pjsip_cred_info cred;
    pj_bzero(&cred, sizeof(cred));
    cred.scheme = pj_str(const_cast<char*>("digest"));
    cred.realm = borrowed(realm);
    cred.username = borrowed(user);
    cred.data_type = PJSIP_CRED_DATA_PLAIN_PASSWD;
    cred.data = borrowed(password);
    return dlg && pjsip_auth_clt_set_credentials(&dlg->auth_sess, 1, &cred) == PJ_SUCCESS;
}

int respond(unsigned long long tsx_address, unsigned long long rdata_address, int code, const std::string& headers) {
    auto* tsx = reinterpret_cast<pjsip_transaction*>(tsx_address);
    auto* rdata = reinterpret_cast<pjsip_rx_data*>(rdata_address);
    if (!tsx || !rdata) return PJ_EINVAL;
    pjsip_tx_data* tdata = nullptr;
    pj_status_t status = pjsip_endpt_create_response(tsx->endpt, rdata, code, nullptr, &tdata);
    if (status != PJ_SUCCESS) return status;
    for (size_t begin = 0; begin < headers.size();) {
        const size_t end = std::min(headers.find('\n', begin), headers.size());
        add_header(tdata, headers.substr(begin, end - begin));
        begin = end + 1;
    }
    return pjsip_tsx_send_msg(tsx, tdata);
}
