// SPDX-License-Identifier: GPL-3.0-or-later
#include "rtp_poller.hpp"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <memory>

#include <pjmedia.h>

#include "clock.hpp"
#include "rtp_socket.hpp"

namespace relay {

namespace {

enum { BATCH = 256, NICE = -10 };

// Above this rate a nap between two looks collects packets: fewer wake-ups, each of which costs as much as a packet.
// The delay is half a nap in the mean; below the rate (some 25 calls) there is none.
enum { BUSY_PER_S = 5000, NAP_US = 400, SLACK_NS = 5000 };
const int64_t WINDOW_US = 20000;

/// How many packets come, over the last window.
class Rate {
public:
    Rate() : begin_us_(0), count_(0), busy_(false) {}
    bool is_busy(int more, int64_t now_us)
    {
        count_ += more;
        if (now_us - begin_us_ >= WINDOW_US) {
            busy_ = count_ * 1000000 > BUSY_PER_S * (now_us - begin_us_);
            begin_us_ = now_us;
            count_ = 0;
        }
        return busy_;
    }

private:
    int64_t begin_us_, count_;
    bool busy_;
};

void nap()
{
    const timespec t = {0, NAP_US * 1000};
    nanosleep(&t, nullptr);
}

Poller* the_poller = nullptr;    // SIP thread only

}  // namespace

Poller* Poller::of(pjmedia_endpt* endpt)
{
    if (the_poller)
        return the_poller;
    std::unique_ptr<Poller, void (*)(Poller*)> made(new Poller(), [](Poller* p) { delete p; });
    if (!made->start(endpt))
        return nullptr;
    the_poller = made.release();
    pjmedia_endpt_atexit(endpt, &Poller::stop);
    return the_poller;
}

bool Poller::start(pjmedia_endpt* endpt)
{
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll_event event = epoll_event();
    event.events = EPOLLIN;
    event.data.ptr = nullptr;    // not a channel: somebody wakes us
    pool_ = pjmedia_endpt_create_pool(endpt, "rtp", 512, 512);
    return epoll_ >= 0 && wake_ >= 0 && pool_ && epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0 &&
           pj_thread_create(pool_, "rtp", &Poller::main, this, 0, 0, &thread_) == PJ_SUCCESS;
}

Poller::~Poller()
{
    if (thread_) {
        stopping_.store(true);
        eventfd_write(wake_, 1);
        pj_thread_join(thread_);
        pj_thread_destroy(thread_);
    }
    forget_dead();
    for (int fd : {epoll_, wake_})
        if (fd >= 0)
            close(fd);
    if (pool_)
        pj_pool_release(pool_);
}

/// The endpoint goes: no leg is left.
void Poller::stop(pjmedia_endpt*)
{
    delete the_poller;
    the_poller = nullptr;
}

bool Poller::add(Channel& channel)
{
    epoll_event event = epoll_event();
    event.events = EPOLLIN;
    event.data.ptr = &channel;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, channel.fd, &event) == 0 || errno == EEXIST;
}

void Poller::remove(Channel& channel)
{
    epoll_event unused = epoll_event();
    epoll_ctl(epoll_, EPOLL_CTL_DEL, channel.fd, &unused);
}

void Poller::bury(RtpSocket* socket)
{
    {
        std::lock_guard<std::mutex> guard(dead_lock_);
        dead_.push_back(socket);
    }
    eventfd_write(wake_, 1);
}

int Poller::main(void* self)
{
    prctl(PR_SET_TIMERSLACK, SLACK_NS);
    setpriority(PRIO_PROCESS, 0, NICE);  // of this thread; without the right to it we stay as we are
    static_cast<Poller*>(self)->run();
    return 0;
}

void Poller::run()
{
    epoll_event ready[BATCH];
    Rate rate;
    while (!stopping_.load()) {
        const int count = epoll_wait(epoll_, ready, BATCH, -1);
        bool woken = false;
        for (int i = 0; i < count; ++i) {
            if (ready[i].data.ptr)
                read(*static_cast<Channel*>(ready[i].data.ptr));
            else
                woken = true;
        }
        if (!woken) {
            if (rate.is_busy(count, now_us()))
                nap();
            continue;
        }
        eventfd_t ignored;
        eventfd_read(wake_, &ignored);
        forget_dead();  // their sockets left epoll before they came here, and the events taken before that are done
    }
}

void Poller::forget_dead()
{
    std::vector<RtpSocket*> gone;
    {
        std::lock_guard<std::mutex> guard(dead_lock_);
        gone.swap(dead_);
    }
    for (RtpSocket* socket : gone)
        pj_grp_lock_dec_ref(socket->base.grp_lock);
}

/// One packet: if more wait, epoll says so again, after all others had their turn.
void Poller::read(Channel& channel)
{
    alignas(8) uint8_t packet[PJMEDIA_MAX_MRU];
    pj_sockaddr from;
    socklen_t length = sizeof(from);
    const ssize_t size = recvfrom(channel.fd, packet, sizeof(packet), MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0)
        return;
    if (channel.is_rtcp)
        channel.owner->heard_rtcp(packet, size_t(size), from);
    else
        channel.owner->heard_rtp(packet, size_t(size), from);
}

}  // namespace relay
