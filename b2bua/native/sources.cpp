// SPDX-License-Identifier: GPL-3.0-or-later
#include "sources.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <stdexcept>
#include <vector>

#include <pjsua-lib/pjsua.h>

#include "conf_port.hpp"

namespace {

enum { CLOSED = 0, PLAYS = 1, FED = 2 };
enum { FADE_MS = 10 };

struct Source {
    pjmedia_port port;            // first: PJMEDIA hands back a pointer to it
    SourcesCore* core;
    int conf_port;                // -1 until added
    std::atomic<int> state;       // CLOSED, PLAYS or FED, written by the SIP thread
    std::atomic<int> reading;     // the clock thread is inside read()
    std::atomic<int> writing;     // a worker is inside push()
    std::atomic<bool> finished;
    std::atomic<bool> fading;     // its next frame is its last one
    // PLAYS: the clock thread's own while it reads
    const int16_t* samples;
    unsigned count, next;
    bool loop;
    float gain;
    // FED: frames ever written and ever read; the ring holds those between
    std::vector<int16_t> ring;
    std::atomic<uint64_t> head, tail;
};

pj_status_t source_get_frame(pjmedia_port* port, pjmedia_frame* frame);
pj_status_t source_put_frame(pjmedia_port*, pjmedia_frame*) { return PJ_SUCCESS; }

int16_t clipped(float value)
{
    return int16_t(std::lrint(std::max(-32768.0f, std::min(32767.0f, value))));
}

}  // namespace

struct SourcesCore {
    const int slots, frame_samples, clock_rate;
    std::unique_ptr<Source[]> sources;
    std::deque<int> free_slots;   // SIP thread
    std::atomic<uint64_t> underruns, overruns;

    SourcesCore(int slots_, int rate);
    bool create(int slot);
    int open();
    bool read(Source& source, int16_t* out);
    bool read_sound(Source& source, int16_t* out);
    void fade_out(int16_t* frame);
    bool read_ring(Source& source, int16_t* out);
};

SourcesCore::SourcesCore(int slots_, int rate)
    : slots(slots_), frame_samples(rate / FRAMES_PER_SECOND), clock_rate(rate), sources(new Source[slots_]()),
      underruns(0), overruns(0)
{
    for (int slot = 0; slot < slots; ++slot) {
        sources[slot].core = this;
        sources[slot].conf_port = -1;
        free_slots.push_back(slot);
    }
}

bool SourcesCore::create(int slot)
{
    Source& source = sources[slot];
    if (source.conf_port >= 0)
        return true;
    char name[PJ_MAX_OBJ_NAME];
    snprintf(name, sizeof(name), "source%d", slot);
    source.port.get_frame = &source_get_frame;
    source.port.put_frame = &source_put_frame;
    source.conf_port = add_conf_port(source.port, name, PJMEDIA_SIG_CLASS_APP('S', 'R', 'C'), clock_rate);
    return source.conf_port >= 0;
}

/// The slot that has been free longest, still closed; -1 without one.
int SourcesCore::open()
{
    if (free_slots.empty() || !create(free_slots.front()))
        return -1;
    const int slot = free_slots.front();
    free_slots.pop_front();
    sources[slot].finished.store(false);
    sources[slot].fading.store(false);
    return slot;
}

void SourcesCore::fade_out(int16_t* frame)
{
    const int length = clock_rate * FADE_MS / 1000;
    for (int i = 0; i < length; ++i)
        frame[i] = int16_t(frame[i] * (length - i) / length);
    std::memset(frame + length, 0, size_t(frame_samples - length) * sizeof(int16_t));
}

bool SourcesCore::read_sound(Source& source, int16_t* out)
{
    int done = 0;
    while (done < frame_samples && !source.finished.load(std::memory_order_relaxed)) {
        const int part = int(std::min(unsigned(frame_samples - done), source.count - source.next));
        if (source.gain == 1.0f)
            std::memcpy(out + done, source.samples + source.next, size_t(part) * sizeof(int16_t));
        else
            for (int i = 0; i < part; ++i)
                out[done + i] = clipped(source.gain * source.samples[source.next + i]);
        done += part;
        source.next += part;
        if (source.next == source.count && source.loop)
            source.next = 0;
        else if (source.next == source.count)
            source.finished.store(true);
    }
    std::memset(out + done, 0, size_t(frame_samples - done) * sizeof(int16_t));
    if (done > 0 && source.fading.load()) {
        fade_out(out);
        source.finished.store(true);
    }
    return done > 0;
}

bool SourcesCore::read_ring(Source& source, int16_t* out)
{
    const uint64_t tail = source.tail.load(std::memory_order_relaxed);
    const uint64_t head = source.head.load(std::memory_order_acquire);
    if (tail == head) {
        if (head != 0)  // it has not begun yet: nothing is missing
            underruns.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    const size_t frames = source.ring.size() / frame_samples;
    std::memcpy(out, &source.ring[size_t(tail % frames) * frame_samples], size_t(frame_samples) * sizeof(int16_t));
    source.tail.store(tail + 1, std::memory_order_release);
    return true;
}

/// Clock thread. Never waits: `reading` only tells close() on the SIP thread to wait for us (microseconds, at most).
bool SourcesCore::read(Source& source, int16_t* out)
{
    source.reading.store(1);
    const int state = source.state.load();
    const bool said = state == PLAYS ? read_sound(source, out) : state == FED && read_ring(source, out);
    source.reading.store(0);
    return said;
}

namespace {

pj_status_t source_get_frame(pjmedia_port* port, pjmedia_frame* frame)
{
    Source* source = reinterpret_cast<Source*>(port);
    const size_t bytes = size_t(source->core->frame_samples) * sizeof(int16_t);
    const bool said = frame->buf && frame->size >= bytes
        && source->core->read(*source, static_cast<int16_t*>(frame->buf));
    frame->type = said ? PJMEDIA_FRAME_TYPE_AUDIO : PJMEDIA_FRAME_TYPE_NONE;
    frame->size = said ? bytes : 0;
    return PJ_SUCCESS;
}

}  // namespace

Sources::Sources(int slots, int clock_rate_hz) : core_(nullptr)
{
    if (slots <= 0 || clock_rate_hz < FRAMES_PER_SECOND || clock_rate_hz % FRAMES_PER_SECOND)
        throw std::invalid_argument("Sources: slots and clock_rate_hz must be positive; 20 ms whole samples");
    core_ = new SourcesCore(slots, clock_rate_hz);
}

Sources::~Sources()
{
    // The clock thread may still read the ports, so the core outlives us; closed ones touch only their own flags.
    for (int slot = 0; slot < core_->slots; ++slot)
        close(slot);
}

int Sources::play(unsigned long long address, unsigned count, bool loop, float gain)
{
    const int slot = count > 0 ? core_->open() : -1;
    if (slot < 0)
        return -1;
    Source& source = core_->sources[slot];
    source.samples = reinterpret_cast<const int16_t*>(uintptr_t(address));
    source.count = count;
    source.next = 0;
    source.loop = loop;
    source.gain = gain;
    source.state.store(PLAYS);
    return slot;
}

int Sources::feed(int ring_frames)
{
    const int slot = ring_frames > 0 ? core_->open() : -1;
    if (slot < 0)
        return -1;
    Source& source = core_->sources[slot];
    source.ring.assign(size_t(ring_frames) * core_->frame_samples, 0);
    source.head.store(0);
    source.tail.store(0);
    source.state.store(FED);
    return slot;
}

int Sources::push(int slot, unsigned long long address, int frames)
{
    if (slot < 0 || slot >= core_->slots)
        return 0;
    Source& source = core_->sources[slot];
    const int16_t* samples = reinterpret_cast<const int16_t*>(uintptr_t(address));
    const int frame_samples = core_->frame_samples;
    int done = 0;
    source.writing.store(1);
    if (source.state.load() == FED) {
        const uint64_t ring_frames = source.ring.size() / frame_samples;
        uint64_t head = source.head.load(std::memory_order_relaxed);
        for (; done < frames && head - source.tail.load(std::memory_order_acquire) < ring_frames; ++done, ++head) {
            std::memcpy(&source.ring[size_t(head % ring_frames) * frame_samples],
                        samples + size_t(done) * frame_samples, size_t(frame_samples) * sizeof(int16_t));
            source.head.store(head + 1, std::memory_order_release);
        }
        core_->overruns.fetch_add(uint64_t(frames - done), std::memory_order_relaxed);
    }
    source.writing.store(0);
    return done;
}

void Sources::fade(int slot)
{
    if (slot >= 0 && slot < core_->slots)
        core_->sources[slot].fading.store(true);
}

void Sources::close(int slot)
{
    if (slot < 0 || slot >= core_->slots || core_->sources[slot].state.load() == CLOSED)
        return;
    Source& source = core_->sources[slot];
    source.state.store(CLOSED);
    while (source.reading.load() || source.writing.load()) {}  // one frame is being copied: less than a microsecond
    core_->free_slots.push_back(slot);
}

int Sources::waiting(int slot) const
{
    if (slot < 0 || slot >= core_->slots || core_->sources[slot].state.load() != FED)
        return 0;
    const uint64_t tail = core_->sources[slot].tail.load();  // first: the head is never behind it
    return int(core_->sources[slot].head.load() - tail);
}

bool Sources::finished(int slot) const
{
    return slot >= 0 && slot < core_->slots && core_->sources[slot].finished.load();
}

int Sources::port(int slot) const
{
    return slot < 0 || slot >= core_->slots ? -1 : core_->sources[slot].conf_port;
}

int Sources::in_use() const { return core_->slots - int(core_->free_slots.size()); }
unsigned long long Sources::underruns() const { return core_->underruns.load(); }
unsigned long long Sources::overruns() const { return core_->overruns.load(); }
