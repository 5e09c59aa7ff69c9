// SPDX-License-Identifier: GPL-3.0-or-later
//
// Poller: the one thread that reads the RTP and RTCP sockets of all legs. Level-triggered epoll: one recvfrom for each
// packet, none that comes back empty, nothing registered anew.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include <pjlib.h>

struct pjmedia_endpt;

namespace relay {

struct RtpSocket;

/// One socket. The poller's thread finds it through epoll, so its owner lives until the poller has let go of it.
struct Channel {
    RtpSocket* owner;
    int fd;
    bool is_rtcp;
};

class Poller {
public:
    /// That of this PJMEDIA endpoint; started when there is none, nullptr when it cannot be. It ends with the endpoint.
    static Poller* of(pjmedia_endpt* endpt);

    bool add(Channel& channel);           ///< read it from now on
    void remove(Channel& channel);        ///< one packet may still come
    /// Its sockets are closed: the poller gives up its reference to the group lock when no event can name it any more.
    void bury(RtpSocket* socket);

private:
    Poller() : epoll_(-1), wake_(-1), stopping_(false), pool_(nullptr), thread_(nullptr) {}
    ~Poller();
    bool start(pjmedia_endpt* endpt);
    static int main(void* self);
    static void stop(pjmedia_endpt* endpt);
    void run();
    void read(Channel& channel);
    void forget_dead();

    int epoll_, wake_;
    std::atomic<bool> stopping_;
    pj_pool_t* pool_;
    pj_thread_t* thread_;
    std::mutex dead_lock_;
    std::vector<RtpSocket*> dead_;
};

}  // namespace relay
