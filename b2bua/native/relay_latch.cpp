// SPDX-License-Identifier: GPL-3.0-or-later
#include "relay_latch.hpp"

#include <mutex>
#include <unordered_map>

namespace relay {

namespace {

const int64_t SILENT_US = 2000000;        // then another source may be taken
const int64_t REST_US = 60 * 1000000LL;   // how long a former far end is remembered

struct Former {
    pj_sockaddr address;
    uint32_t ssrc;
    int64_t at_us;
};

std::mutex formers_lock;
std::unordered_map<unsigned, Former> formers;  // by local port, so never more than 65536

bool same(const pj_sockaddr& one, const pj_sockaddr& other)
{
    return one.addr.sa_family == other.addr.sa_family && pj_sockaddr_cmp(&one, &other) == 0;
}

}  // namespace

bool same_host(const pj_sockaddr& one, const pj_sockaddr& other)
{
    return one.addr.sa_family == other.addr.sa_family &&
           pj_memcmp(pj_sockaddr_get_addr(&one), pj_sockaddr_get_addr(&other), pj_sockaddr_get_addr_len(&one)) == 0;
}

Latch::Latch()
    : locked_(false), stale_set_(false), refused_set_(false), ssrc_(0), refused_ssrc_(0), heard_us_(0), signalled_us_(0),
      ended_us_(0)
{
    for (pj_sockaddr* address : {&signalled_, &remote_, &source_, &stale_, &refused_})
        pj_bzero(address, sizeof(*address));
}

void Latch::signalled(const pj_sockaddr& address, int64_t now_us)
{
    stale_set_ = locked_ && !same(address, signalled_) && !same(address, source_);
    if (stale_set_)
        stale_ = source_;
    signalled_ = remote_ = address;
    signalled_us_ = now_us;
    locked_ = false;
}

bool Latch::may_take(const pj_sockaddr& source, uint32_t ssrc, int64_t now_us) const
{
    const bool named = same(source, signalled_);
    if (refused_set_ && ssrc == refused_ssrc_ && same(source, refused_) && (!named || now_us - ended_us_ < SILENT_US))
        return false;
    if (named)
        return true;
    if (locked_)
        return now_us - heard_us_ > SILENT_US && same_host(source, source_);
    return !(stale_set_ && now_us - signalled_us_ < SILENT_US && same(source, stale_));
}

bool Latch::admit(const pj_sockaddr& source, uint32_t ssrc, int64_t now_us, bool& move)
{
    move = false;
    if (!locked_ || !same(source, source_)) {
        if (!may_take(source, ssrc, now_us))
            return false;
        source_ = source;
        locked_ = true;
        move = !same(source, remote_);
        remote_ = source;
    }
    ssrc_ = ssrc;
    heard_us_ = now_us;
    return true;
}

void Latch::refuse(const pj_sockaddr& address, uint32_t ssrc, int64_t ended_us)
{
    ended_us_ = ended_us;
    refused_ = address;
    refused_ssrc_ = ssrc;
    refused_set_ = true;
}

void rest_port(unsigned port, const Latch& latch, int64_t now_us)
{
    if (!latch.locked())
        return;
    const Former former = {latch.source(), latch.ssrc(), now_us};
    std::lock_guard<std::mutex> guard(formers_lock);
    formers[port] = former;
}

void refuse_former(unsigned port, Latch& latch, int64_t now_us)
{
    std::lock_guard<std::mutex> guard(formers_lock);
    const auto found = formers.find(port);
    if (found != formers.end() && now_us - found->second.at_us < REST_US)
        latch.refuse(found->second.address, found->second.ssrc, found->second.at_us);
}

}  // namespace relay
