// SPDX-License-Identifier: GPL-3.0-or-later
#include "bank.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <stdexcept>
#include <vector>

#include <pjsua-lib/pjsua.h>

#include "bridge.hpp"
#include "clock.hpp"
#include "conf_port.hpp"
#include "ears.hpp"
#include "pages.hpp"
#include "playout_port.hpp"

namespace {

enum { CLOSED = 0, OPEN = 1 };

const int64_t TICK_US = 1000000 / FRAMES_PER_SECOND;
const int64_t MOST_DELAY_US = 300000;
const int64_t STEADY_US = 8000;  // a delay that wanders by less stays what it was: no clicks

/// The conference port of one slot. Created at the slot's first use and kept for the life of the process:
/// a port that is never removed cannot be removed too early.
struct Tap {
    pjmedia_port port;       // first: PJMEDIA hands back a pointer to it
    BankCore* core;
    int slot;
    int conf_port;           // -1 until added
    std::atomic<int> state;  // OPEN or CLOSED, written by the SIP thread
    std::atomic<int> busy;   // the clock thread is inside write()
    std::atomic<int> ear;    // row of the ears that its frames go to, -1: none; written by the SIP thread
    std::atomic<int> call_id;  // whose voice it is, -1: no call's
    int64_t delay_us;        // of what it wrote last, -1: not known yet; SIP thread until it is OPEN, then clock thread
};

pj_status_t tap_put_frame(pjmedia_port* port, pjmedia_frame* frame);
pj_status_t tap_get_frame(pjmedia_port*, pjmedia_frame* frame);

}  // namespace

struct BankCore {
    const int slots, ring_frames, frame_samples, clock_rate;
    int16_t* samples;
    std::atomic<uint64_t>* heads;    // same layout as uint64_t (lock-free, asserted below)
    uint32_t* generations;
    uint16_t* delays;
    Ears ears;
    std::unique_ptr<Tap[]> taps;
    std::deque<int> free_slots;      // SIP thread; first in, first out, so that a slot rests before it is used again
    struct Clock {
        std::atomic<uint64_t> tick;      // in progress; 0 = the clock has not been seen
        std::atomic<int64_t> tick_at_us; // when it began
    } clock;
    uint64_t clock_frames;           // clock thread only: the conference's own count at `tick`
    int64_t due_at_us;               // clock thread only: when `tick` was due; it may have begun late

    BankCore(int slots_, int ring_frames_, int rate);
    void advance(uint64_t clock_frame);
    void write(Tap& tap, const pjmedia_frame* frame);
    uint16_t delay(Tap& tap);
    void silence(int slot, uint64_t from, uint64_t to);
    bool create_tap(int slot);
    int16_t* column(int slot, uint64_t tick_index);
};

static_assert(sizeof(std::atomic<uint64_t>) == sizeof(uint64_t), "heads are read by numpy as uint64");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the clock thread must not take a lock");

BankCore::BankCore(int slots_, int ring_frames_, int rate)
    : slots(slots_), ring_frames(ring_frames_), frame_samples(rate / FRAMES_PER_SECOND), clock_rate(rate),
      ears(slots_, rate), taps(new Tap[slots_]()), clock{{0}, {0}},
      clock_frames(0), due_at_us(0)
{
    samples = static_cast<int16_t*>(map_zeroed(size_t(slots) * ring_frames * frame_samples * sizeof(int16_t)));
    heads = static_cast<std::atomic<uint64_t>*>(map_zeroed(size_t(slots) * sizeof(uint64_t)));
    generations = static_cast<uint32_t*>(map_zeroed(size_t(slots) * sizeof(uint32_t)));
    delays = static_cast<uint16_t*>(map_zeroed(size_t(slots) * ring_frames * sizeof(uint16_t)));
    for (int slot = 0; slot < slots; ++slot) {
        taps[slot].core = this;
        taps[slot].slot = slot;
        taps[slot].conf_port = -1;
        taps[slot].ear = -1;
        free_slots.push_back(slot);
    }
}

int16_t* BankCore::column(int slot, uint64_t tick_index)
{
    return samples + (size_t(slot) * ring_frames + tick_index % ring_frames) * frame_samples;
}

/// The first tap of a clock tick moves our tick on; the others of that tick find it moved.
/// The conference's count starts again from 0 when the null device is opened anew: ours only ever rises.
void BankCore::advance(uint64_t clock_frame)
{
    const uint64_t now = clock.tick.load(std::memory_order_relaxed);
    if (now != 0 && clock_frame == clock_frames)
        return;
    const uint64_t steps = (now != 0 && clock_frame > clock_frames) ? clock_frame - clock_frames : 1;
    clock_frames = clock_frame;
    const int64_t now_us = relay::now_us();
    clock.tick_at_us.store(now_us, std::memory_order_relaxed);
    due_at_us += int64_t(steps) * TICK_US;
    const int64_t late_us = now_us - due_at_us;
    due_at_us += now == 0 || late_us < 0 ? late_us : late_us / 64;
    ears.begin(now + 1, now + steps + 1);
    clock.tick.store(now + steps, std::memory_order_release);
}

/// How much earlier than this tick was said what the tap is given, in samples. What a stream made up, for want of packets,
/// goes on from what was before.
uint16_t BankCore::delay(Tap& tap)
{
    const int64_t said_at_us = frame_said_at_us(tap.call_id.load(std::memory_order_relaxed));
    if (said_at_us) {
        const int64_t now_us = std::min(std::max<int64_t>(due_at_us - said_at_us, 0), MOST_DELAY_US);
        if (tap.delay_us < 0 || std::llabs(now_us - tap.delay_us) > STEADY_US)
            tap.delay_us = now_us;
    }
    return uint16_t(std::max<int64_t>(tap.delay_us, 0) * clock_rate / 1000000);
}

void BankCore::silence(int slot, uint64_t from, uint64_t to)
{
    if (to - from > uint64_t(ring_frames))
        from = to - ring_frames;
    for (; from < to; ++from)
        std::memset(column(slot, from), 0, size_t(frame_samples) * sizeof(int16_t));
}

/// Clock thread. Never waits: `busy` only tells open() on the SIP thread to wait for us (microseconds, at most).
void BankCore::write(Tap& tap, const pjmedia_frame* frame)
{
    advance(frame->timestamp.u64 / unsigned(frame_samples));
    tap.busy.store(1);
    if (tap.state.load() == OPEN) {
        const uint64_t now = clock.tick.load(std::memory_order_relaxed);
        const uint64_t head = heads[tap.slot].load(std::memory_order_relaxed);
        const size_t bytes = size_t(frame_samples) * sizeof(int16_t);
        if (now >= head) {
            silence(tap.slot, head, now);
            delays[size_t(tap.slot) * ring_frames + now % ring_frames] = delay(tap);
            if (frame->type == PJMEDIA_FRAME_TYPE_AUDIO && frame->buf && frame->size >= bytes)
                std::memcpy(column(tap.slot, now), frame->buf, bytes);
            else
                std::memset(column(tap.slot, now), 0, bytes);
            ears.write(tap.ear.load(), now, column(tap.slot, now));
            heads[tap.slot].store(now + 1, std::memory_order_release);
        }
    }
    tap.busy.store(0);
}

bool BankCore::create_tap(int slot)
{
    Tap& tap = taps[slot];
    if (tap.conf_port >= 0)
        return true;
    char name[PJ_MAX_OBJ_NAME];
    snprintf(name, sizeof(name), "tap%d", slot);
    tap.port.put_frame = &tap_put_frame;
    tap.port.get_frame = &tap_get_frame;
    tap.conf_port = add_conf_port(tap.port, name, PJMEDIA_SIG_CLASS_APP('T', 'A', 'P'), clock_rate);
    return tap.conf_port >= 0;
}

namespace {

pj_status_t tap_put_frame(pjmedia_port* port, pjmedia_frame* frame)
{
    Tap* tap = reinterpret_cast<Tap*>(port);
    tap->core->write(*tap, frame);
    return PJ_SUCCESS;
}

/// A frame that the clock thread is writing right now is done: microseconds.
void settle(const Tap& tap)
{
    while (tap.busy.load()) {}
}

pj_status_t tap_get_frame(pjmedia_port*, pjmedia_frame* frame)
{
    frame->type = PJMEDIA_FRAME_TYPE_NONE;  // a tap only listens
    return PJ_SUCCESS;
}

}  // namespace

Bank::Bank(int slots, int ring_frames, int clock_rate_hz) : core_(nullptr)
{
    if (slots <= 0 || ring_frames <= 0 || clock_rate_hz < FRAMES_PER_SECOND || clock_rate_hz % FRAMES_PER_SECOND)
        throw std::invalid_argument("Bank: slots, ring_frames and clock_rate_hz must be positive; 20 ms whole samples");
    core_ = new BankCore(slots, ring_frames, clock_rate_hz);
}

Bank::~Bank()
{
    // The clock thread may still call the taps, so the core outlives us; closed taps touch only their own flags.
    for (int slot = 0; slot < core_->slots; ++slot)
        core_->taps[slot].state.store(CLOSED);
}

int Bank::open(int conf_port)
{
    if (core_->free_slots.empty())
        return -1;
    if (conf_port < 0)
        return -2;
    const int slot = core_->free_slots.front();
    Tap& tap = core_->taps[slot];
    if (!core_->create_tap(slot))
        return -2;
    settle(tap);
    std::memset(core_->column(slot, 0), 0, size_t(core_->ring_frames) * core_->frame_samples * sizeof(int16_t));
    core_->heads[slot].store(core_->clock.tick.load() + 1);
    std::fill_n(core_->delays + size_t(slot) * core_->ring_frames, core_->ring_frames, uint16_t(0));
    tap.call_id.store(port_call(conf_port));
    tap.delay_us = -1;
    if (pjsua_conf_connect(conf_port, tap.conf_port) != PJ_SUCCESS)
        return -2;
    core_->free_slots.pop_front();
    ++core_->generations[slot];
    tap.state.store(OPEN);
    return slot;
}

void Bank::close(int slot, int conf_port)
{
    if (slot < 0 || slot >= core_->slots || core_->taps[slot].state.load() != OPEN)
        return;
    core_->taps[slot].state.store(CLOSED);
    core_->taps[slot].ear.store(-1);
    if (conf_port >= 0)
        pjsua_conf_disconnect(conf_port, core_->taps[slot].conf_port);
    core_->free_slots.push_back(slot);
}

void Bank::listen(int slot, int row)
{
    if (slot < 0 || slot >= core_->slots || row >= core_->slots)
        return;
    core_->taps[slot].ear.store(-1);
    settle(core_->taps[slot]);
    core_->ears.clear(row);
    core_->taps[slot].ear.store(row);
}

unsigned long long Bank::tick() const { return core_->clock.tick.load(std::memory_order_acquire); }
long long Bank::tick_at_us() const { return core_->clock.tick_at_us.load(std::memory_order_relaxed); }
unsigned long long Bank::clock_address() const { return reinterpret_cast<uintptr_t>(&core_->clock); }
unsigned long long Bank::samples_address() const { return reinterpret_cast<uintptr_t>(core_->samples); }
unsigned long long Bank::ears_address() const { return reinterpret_cast<uintptr_t>(core_->ears.samples()); }
int Bank::ear_columns() const { return Ears::COLUMNS; }
unsigned long long Bank::heads_address() const { return reinterpret_cast<uintptr_t>(core_->heads); }
unsigned long long Bank::delays_address() const { return reinterpret_cast<uintptr_t>(core_->delays); }
unsigned long long Bank::generations_address() const { return reinterpret_cast<uintptr_t>(core_->generations); }
int Bank::slots() const { return core_->slots; }
int Bank::ring_frames() const { return core_->ring_frames; }
int Bank::frame_samples() const { return core_->frame_samples; }
int Bank::in_use() const { return core_->slots - int(core_->free_slots.size()); }

int Bank::tap_port(int slot) const
{
    return slot < 0 || slot >= core_->slots ? -1 : core_->taps[slot].conf_port;
}
