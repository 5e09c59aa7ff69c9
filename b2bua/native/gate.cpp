// SPDX-License-Identifier: GPL-3.0-or-later
#include "gate.hpp"

#include <arpa/inet.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <pjsua-lib/pjsua.h>

namespace {

/// RFC 3261 20.5. UPDATE, PRACK, INFO, REFER, NOTIFY are served inside a call only.
const char* const ALLOWED_METHODS[] = {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO",
                                       "UPDATE", "PRACK", "REFER", "NOTIFY"};
/// Known methods of SIP that are refused with 405 outside a call; anything else is 501 (RFC 3261 21.5.2).
const char* const KNOWN_METHODS[] = {"REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE",
                                     "REFER", "INFO", "UPDATE", "PRACK"};
const int MAPPED_V4_BITS = 96;  // ::ffff:0:0/96, RFC 4291 2.5.5.2

struct Network {
    unsigned char bytes[16];  // IPv4 as IPv4-mapped IPv6, so that one comparison serves both
    int bits;
};

std::mutex lock;  // networks and last_refused; held for microseconds
std::vector<Network> networks;
std::string last_refused_text;
std::atomic<bool> draining(false);
std::atomic<int> retry_after(0);
std::atomic<unsigned long long> n_unknown(0), n_draining(0), n_hops(0), n_method(0), n_options(0), n_malformed(0);

bool to_bytes(const std::string& text, Network& out)
{
    static const unsigned char MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(out.bytes, MAPPED, sizeof(MAPPED));
    if (inet_pton(AF_INET, text.c_str(), out.bytes + sizeof(MAPPED)) == 1) {
        out.bits = MAPPED_V4_BITS;
        return true;
    }
    out.bits = 0;
    return inet_pton(AF_INET6, text.c_str(), out.bytes) == 1;
}

bool parse_network(const std::string& cidr, Network& out)
{
    const size_t slash = cidr.find('/');
    if (!to_bytes(cidr.substr(0, slash), out))
        return false;
    if (slash == std::string::npos) {
        out.bits = 128;
        return true;
    }
    const std::string digits = cidr.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos)
        return false;
    out.bits += std::atoi(digits.c_str());
    return out.bits <= 128;
}

bool matches(const Network& net, const unsigned char* address)
{
    const int whole = net.bits / 8, rest = net.bits % 8;
    if (std::memcmp(net.bytes, address, size_t(whole)) != 0)
        return false;
    const int mask = 0xff00 >> rest & 0xff;
    return rest == 0 || ((net.bytes[whole] ^ address[whole]) & mask) == 0;
}

bool address_is_allowed(const std::string& text)
{
    Network address;
    if (!to_bytes(text, address))
        return false;
    std::lock_guard<std::mutex> guard(lock);
    for (const Network& net : networks)
        if (matches(net, address.bytes))
            return true;
    return false;
}

void note_refusal(pjsip_rx_data* rdata, int code, std::atomic<unsigned long long>& counter)
{
    ++counter;
    const pj_str_t& method = rdata->msg_info.msg->line.req.method.name;
    std::lock_guard<std::mutex> guard(lock);
    last_refused_text = std::to_string(code) + " " + std::string(method.ptr, size_t(method.slen)) + " from " +
                        rdata->pkt_info.src_name + ":" + std::to_string(rdata->pkt_info.src_port);
}

void add_allow(pj_pool_t* pool, pjsip_hdr* list)
{
    pjsip_allow_hdr* hdr = pjsip_allow_hdr_create(pool);
    for (const char* name : ALLOWED_METHODS)
        hdr->values[hdr->count++] = pj_str(const_cast<char*>(name));
    pj_list_push_back(list, hdr);
}

void add_retry_after(pj_pool_t* pool, pjsip_hdr* list)
{
    if (retry_after.load() > 0)
        pj_list_push_back(list, pjsip_retry_after_hdr_create(pool, retry_after.load()));
}

void add_capabilities(pj_pool_t* pool, pjsip_hdr* list)
{
    add_allow(pool, list);
    pjsip_accept_hdr* accept = pjsip_accept_hdr_create(pool);
    accept->values[accept->count++] = pj_str(const_cast<char*>("application/sdp"));
    pj_list_push_back(list, accept);
    const pjsip_hdr* supported =
        static_cast<const pjsip_hdr*>(pjsip_endpt_get_capability(pjsua_get_pjsip_endpt(), PJSIP_H_SUPPORTED, nullptr));
    if (supported)
        pj_list_push_back(list, pjsip_hdr_clone(pool, supported));
}

/// Stateless, hence retransmission-safe: every copy of the request gets the same answer (RFC 3261 8.2.7).
pj_bool_t answer(pjsip_rx_data* rdata, int code, const pjsip_hdr* headers)
{
    pjsip_endpt_respond_stateless(pjsua_get_pjsip_endpt(), rdata, code, nullptr, headers, nullptr);
    return PJ_TRUE;
}

pj_bool_t refuse(pjsip_rx_data* rdata, int code, const pjsip_hdr* headers, std::atomic<unsigned long long>& counter)
{
    note_refusal(rdata, code, counter);
    return answer(rdata, code, headers);
}

pj_bool_t answer_options(pjsip_rx_data* rdata, pjsip_hdr* headers)
{
    ++n_options;
    add_capabilities(rdata->tp_info.pool, headers);
    if (!draining.load())
        return answer(rdata, PJSIP_SC_OK, headers);
    add_retry_after(rdata->tp_info.pool, headers);
    return answer(rdata, PJSIP_SC_SERVICE_UNAVAILABLE, headers);
}

pj_bool_t judge_invite(pjsip_rx_data* rdata, pjsip_hdr* headers)
{
    const pjsip_max_fwd_hdr* hops = rdata->msg_info.max_fwd;
    if (hops && hops->ivalue == 0)
        return refuse(rdata, PJSIP_SC_TOO_MANY_HOPS, nullptr, n_hops);
    if (!draining.load())
        return PJ_FALSE;
    add_retry_after(rdata->tp_info.pool, headers);
    return refuse(rdata, PJSIP_SC_SERVICE_UNAVAILABLE, headers, n_draining);
}

pj_bool_t refuse_method(pjsip_rx_data* rdata, pjsip_hdr* headers)
{
    const pjsip_method& method = rdata->msg_info.msg->line.req.method;
    if (method.id == PJSIP_BYE_METHOD)
        return refuse(rdata, PJSIP_SC_CALL_TSX_DOES_NOT_EXIST, nullptr, n_method);
    add_allow(rdata->tp_info.pool, headers);
    for (const char* name : KNOWN_METHODS)
        if (pj_strcmp2(&method.name, name) == 0)  // methods are case-sensitive, RFC 3261 7.1
            return refuse(rdata, PJSIP_SC_METHOD_NOT_ALLOWED, headers, n_method);
    return refuse(rdata, PJSIP_SC_NOT_IMPLEMENTED, headers, n_method);
}

/// The tags are the right to speak in a dialog, from any address (RFC 3261 12.2.2); a stranger without one is counted.
pj_bool_t judge_in_dialog(pjsip_rx_data* rdata)
{
    const auto& info = rdata->msg_info;
    const bool is_ack = info.msg->line.req.method.id == PJSIP_ACK_METHOD;  // never answered; our 403 brings one, too
    if (is_ack || address_is_allowed(rdata->pkt_info.src_name) ||
        pjsip_ua_find_dialog(&info.cid->id, &info.to->tag, &info.from->tag, PJ_FALSE))
        return PJ_FALSE;
    return refuse(rdata, PJSIP_SC_CALL_TSX_DOES_NOT_EXIST, nullptr, n_unknown);
}

pj_bool_t on_rx_request(pjsip_rx_data* rdata)
{
    const pjsip_method_e method = rdata->msg_info.msg->line.req.method.id;
    const bool in_dialog = method != PJSIP_CANCEL_METHOD && method != PJSIP_REGISTER_METHOD;
    if (in_dialog && rdata->msg_info.to->tag.slen != 0)
        return judge_in_dialog(rdata);
    if (!address_is_allowed(rdata->pkt_info.src_name)) {
        if (method != PJSIP_ACK_METHOD)
            return refuse(rdata, PJSIP_SC_FORBIDDEN, nullptr, n_unknown);
        note_refusal(rdata, PJSIP_SC_FORBIDDEN, n_unknown);
        return PJ_TRUE;
    }
    pjsip_hdr headers;
    pj_list_init(&headers);
    switch (method) {
    case PJSIP_ACK_METHOD:
    case PJSIP_CANCEL_METHOD:
        return PJ_FALSE;
    case PJSIP_INVITE_METHOD:
        return judge_invite(rdata, &headers);
    case PJSIP_OPTIONS_METHOD:
        return answer_options(rdata, &headers);
    default:
        return refuse_method(rdata, &headers);
    }
}

void on_dropped(pjsip_tp_dropped_data* dropped)
{
    // PJ_EIGNORED: line breaks that keep a NAT binding open; PJ_ESOCKETSTOP: a connection that never spoke.
    if (dropped->status != PJ_EIGNORED && dropped->status != PJ_ESOCKETSTOP)
        ++n_malformed;
}

pjsip_module module_record;
bool registered = false;

void fill_module()
{
    module_record.name = pj_str(const_cast<char*>("mod-b2bua-gate"));
    module_record.id = -1;
    module_record.priority = PJSIP_MOD_PRIORITY_TSX_LAYER + 1;
    module_record.on_rx_request = &on_rx_request;
}

}  // namespace

Gate::Gate()
{
    pjsip_endpoint* endpoint = pjsua_get_pjsip_endpt();
    if (!endpoint || pjsua_get_state() < PJSUA_STATE_INIT)
        throw std::logic_error("Gate: call Endpoint.libInit first");
    if (registered)
        throw std::logic_error("Gate: there is one already");
    fill_module();
    if (pjsip_endpt_register_module(endpoint, &module_record) != PJ_SUCCESS)
        throw std::logic_error("Gate: PJSIP refused the module");
    pjsip_tpmgr_set_drop_data_cb(pjsip_endpt_get_tpmgr(endpoint), &on_dropped);
    registered = true;
}

bool Gate::allow(const std::string& cidr)
{
    Network net;
    if (!parse_network(cidr, net))
        return false;
    std::lock_guard<std::mutex> guard(lock);
    networks.push_back(net);
    return true;
}

void Gate::forbid_all()
{
    std::lock_guard<std::mutex> guard(lock);
    networks.clear();
}

bool Gate::is_allowed(const std::string& address) const { return address_is_allowed(address); }

void Gate::drain(bool on, int retry_after_s)
{
    retry_after.store(retry_after_s);
    draining.store(on);
}

unsigned long long Gate::refused_unknown() const { return n_unknown.load(); }
unsigned long long Gate::refused_draining() const { return n_draining.load(); }
unsigned long long Gate::refused_hops() const { return n_hops.load(); }
unsigned long long Gate::refused_method() const { return n_method.load(); }
unsigned long long Gate::options() const { return n_options.load(); }
unsigned long long Gate::malformed() const { return n_malformed.load(); }

std::string Gate::last_refused() const
{
    std::lock_guard<std::mutex> guard(lock);
    return last_refused_text;
}
