/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * RTP for thousands of calls from three threads: `rtpload HOST_A HOST_B`.
 *
 * Every call has two ends. All ends at HOST_A share one socket, all at HOST_B another: whoever is measured has a port
 * of its own for each leg, so one socket of ours can send to all of them with sendmmsg. Each packet carries its flow,
 * its number and the time it left; what arrives on the other side is counted by number and timed by the kernel
 * (SO_TIMESTAMPNS), so our own wake-ups are not measured. A packet on the wrong side or from a leg of another call
 * counts as crossed.
 *
 * Line by line on stdin, one line of JSON on stdout for each (ports come first):
 *   call N HOST PORT HOST PORT   call N talks: where its A end sends to, where its B end sends to (20 ms PCMU)
 *   press a|b FIRST LAST DIGITS  these ends of these calls press keys (RFC 4733, payload type 101)
 *   tone a|b FIRST LAST DIGITS   the same as tones in the audio; packets with tones are not counted
 *   measure SECONDS              loss and delay from now on for so long
 *   stop                         all fall silent
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_CALLS = 4096,
    FRAME_MS = 20,
    FRAME = 160,              /* samples and bytes of a packet */
    HEADER = 12,              /* RTP */
    EVENT_TYPE = 101,
    PRESS_FRAMES = 5,         /* 100 ms */
    GAP_FRAMES = 4,           /* 80 ms of talk after each press */
    END_COPIES = 3,           /* RFC 4733 2.5.1.4 */
    CHUNK = 16,               /* packets that share one reading of the clock */
    BATCH = 256,              /* packets read at once */
    MAX_WINDOW_S = 600,
    MAX_PACKETS = MAX_WINDOW_S * 1000 / FRAME_MS + 64,
    BUCKETS = 500000,         /* of 1 us: delays up to half a second */
    BUFFER = 16 << 20,
};
static const uint32_t MAGIC = 0x5eed1e55;

struct stamp {                /* behind the RTP header of every audio packet */
    uint32_t magic, flow, number, window;
    uint64_t sent_ns;         /* CLOCK_REALTIME */
};

struct flow {                 /* one direction of one call; index = 2 * call + side */
    struct sockaddr_in to;
    uint32_t timestamp, number, event_timestamp;
    uint16_t sequence;
    char digits[33];
    int digit, frame;         /* which key, and how far it is pressed; beyond PRESS_FRAMES: the gap */
    bool live, marker, tones; /* tones: its keys sound, they are no events */
    uint8_t seen[MAX_PACKETS / 8];
};

static struct flow *flows;
static const char KEYS[] = "0123456789*#ABCD";
static uint8_t tones[sizeof KEYS - 1][PRESS_FRAMES * FRAME];   /* PCMU, each frequency at -12 dBm0 */
static int calls, sockets[2];
static uint32_t window, measuring;   /* number of the last window; is one open */
static uint64_t sent, received, duplicates, crossed, foreign, late_ns;
static uint32_t histogram[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* An even port and the odd one above it, which takes RTCP and is never read. */
static int open_side(const char *host, int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    int on = 1, size = BUFFER, small = 4096;
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1) fail(host);
    for (*port = 40000 + (int)(getpid() % 5000) * 2; *port < 65000; *port += 2) {
        int rtp = socket(AF_INET, SOCK_DGRAM, 0), rtcp = socket(AF_INET, SOCK_DGRAM, 0);
        at.sin_port = htons((uint16_t)*port);
        bool bound = bind(rtp, (struct sockaddr *)&at, sizeof at) == 0;
        at.sin_port = htons((uint16_t)(*port + 1));
        if (bound && bind(rtcp, (struct sockaddr *)&at, sizeof at) == 0) {
            setsockopt(rtp, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
            if (setsockopt(rtp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
                setsockopt(rtp, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
            setsockopt(rtp, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
            setsockopt(rtcp, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
            return rtp;
        }
        close(rtp);
        close(rtcp);
    }
    fail("no free port");
    return -1;
}

/* ---- tones ---- */

/* ITU-T G.711: sign, exponent and mantissa of a 14 bit sample, all bits turned. */
static uint8_t mu_law(double sample) {
    int magnitude = (int)fabs(sample) + 132, exponent = 7;
    while (exponent > 0 && !(magnitude & 1 << (exponent + 7))) exponent--;
    return (uint8_t)~((sample < 0 ? 0x80 : 0) | exponent << 4 | (magnitude >> (exponent + 3) & 15));
}

static void make_tones(void) {
    static const double low[] = {697, 770, 852, 941}, high[] = {1209, 1336, 1477, 1633};
    static const char rows[] = "123A456B789C*0#D";
    for (int key = 0; key < (int)sizeof KEYS - 1; key++) {
        int place = (int)(strchr(rows, KEYS[key]) - rows);
        for (int n = 0; n < PRESS_FRAMES * FRAME; n++)
            tones[key][n] = mu_law(5600 * (sin(2 * M_PI * low[place / 4] * n / 8000) +
                                           sin(2 * M_PI * high[place % 4] * n / 8000)));
    }
}

/* ---- sending ---- */

struct outbox {               /* what one side sends in one tick */
    struct mmsghdr messages[MAX_CALLS];
    struct iovec parts[MAX_CALLS];
    uint8_t packets[MAX_CALLS][HEADER + FRAME];
    int count;
};
static struct outbox outbox;

static uint8_t *post(struct flow *f, uint32_t ssrc, int type, uint32_t timestamp, size_t size) {
    int n = outbox.count++;
    uint8_t *p = outbox.packets[n];
    uint16_t sequence = htons(f->sequence++);
    uint32_t when = htonl(timestamp), source = htonl(ssrc);
    p[0] = 0x80;
    p[1] = (uint8_t)(type | (f->marker ? 0x80 : 0));
    f->marker = false;
    memcpy(p + 2, &sequence, 2);
    memcpy(p + 4, &when, 4);
    memcpy(p + 8, &source, 4);
    outbox.parts[n] = (struct iovec){p, HEADER + size};
    outbox.messages[n].msg_hdr = (struct msghdr){.msg_name = &f->to, .msg_namelen = sizeof f->to,
                                                 .msg_iov = &outbox.parts[n], .msg_iovlen = 1};
    return p + HEADER;
}

static void talk(struct flow *f, uint32_t index) {
    struct stamp stamp = {.magic = MAGIC, .flow = index};
    if (measuring && f->number < MAX_PACKETS) {
        stamp.window = window;
        stamp.number = f->number++;
        sent++;
    }
    uint8_t *payload = post(f, 0x10000 + index, 0, f->timestamp, FRAME);
    memset(payload, 0xff, FRAME);
    memcpy(payload, &stamp, sizeof stamp);
}

static void press(struct flow *f, uint32_t index) {
    bool last = f->frame == PRESS_FRAMES - 1;
    if (f->frame == 0) {
        f->event_timestamp = f->timestamp;
        f->marker = true;
    }
    uint16_t duration = htons((uint16_t)((f->frame + 1) * FRAME));
    for (int copy = 0; copy < (last ? END_COPIES : 1); copy++) {
        uint8_t *payload = post(f, 0x10000 + index, EVENT_TYPE, f->event_timestamp, 4);
        payload[0] = (uint8_t)(strchr(KEYS, f->digits[f->digit]) - KEYS);
        payload[1] = (uint8_t)(10 | (last ? 0x80 : 0));
        memcpy(payload + 2, &duration, 2);
    }
}

static void sound(struct flow *f, uint32_t index) {
    uint8_t *payload = post(f, 0x10000 + index, 0, f->timestamp, FRAME);
    memcpy(payload, tones[strchr(KEYS, f->digits[f->digit]) - KEYS] + f->frame * FRAME, FRAME);
}

static void step(struct flow *f, uint32_t index) {
    if (f->digits[f->digit] && f->frame < PRESS_FRAMES) {
        (f->tones ? sound : press)(f, index);
    } else {
        if (f->digits[f->digit] && f->frame == PRESS_FRAMES) f->marker = !f->tones;
        talk(f, index);
    }
    if (f->digits[f->digit] && ++f->frame == PRESS_FRAMES + GAP_FRAMES) {
        f->digit++;
        f->frame = 0;
    }
    f->timestamp += FRAME;
}

/* Packets of one chunk carry the same time; sendmmsg hands them over one after the other within some microseconds. */
static void flush(int side) {
    for (int at = 0; at < outbox.count; at += CHUNK) {
        int count = outbox.count - at < CHUNK ? outbox.count - at : CHUNK;
        uint64_t now = now_ns(CLOCK_REALTIME);
        for (int n = at; n < at + count; n++) {
            struct stamp *stamp = (struct stamp *)(outbox.packets[n] + HEADER);
            if (outbox.parts[n].iov_len == HEADER + FRAME && stamp->magic == MAGIC) memcpy(&stamp->sent_ns, &now, sizeof now);
        }
        for (int done = 0; done < count;) {
            int n = sendmmsg(sockets[side], outbox.messages + at + done, (unsigned)(count - done), 0);
            done += n > 0 ? n : 1;   /* one that the kernel refused is lost, and counted as lost */
        }
    }
    outbox.count = 0;
}

/* A twentieth of all flows leaves in each millisecond. */
static void *send_all(void *unused) {
    uint64_t due = now_ns(CLOCK_MONOTONIC);
    for (int slot = 0;; slot = (slot + 1) % FRAME_MS) {
        due += 1000000;
        struct timespec until = {(time_t)(due / 1000000000), (long)(due % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        pthread_mutex_lock(&lock);
        uint64_t behind = now_ns(CLOCK_MONOTONIC) - due;
        if (measuring && behind > late_ns) late_ns = behind;
        for (int side = 0; side < 2; side++) {
            for (int call = slot; call < calls; call += FRAME_MS) {
                struct flow *f = flows + 2 * call + side;
                if (f->live) step(f, (uint32_t)(2 * call + side));
            }
            flush(side);
        }
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

/* ---- receiving ---- */

static uint64_t arrival_ns(struct msghdr *message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
        }
    return now_ns(CLOCK_REALTIME);
}

static void take(int side, const uint8_t *packet, size_t size, struct msghdr *message) {
    struct stamp stamp;
    const struct sockaddr_in *from = message->msg_name;
    if (size < HEADER + sizeof stamp || (packet[1] & 0x7f) == EVENT_TYPE) return;
    memcpy(&stamp, packet + HEADER, sizeof stamp);
    if (stamp.magic != MAGIC || stamp.flow >= 2u * MAX_CALLS || stamp.number >= MAX_PACKETS) {
        foreign++;
        return;
    }
    if (stamp.window == 0 || stamp.window != window) return;
    struct flow *back = flows + (stamp.flow ^ 1), *f = flows + stamp.flow;
    uint8_t *byte = &f->seen[stamp.number / 8], bit = (uint8_t)(1 << stamp.number % 8);
    if ((int)(stamp.flow & 1) == side || from->sin_port != back->to.sin_port) {
        crossed++;
    } else if (*byte & bit) {
        duplicates++;
    } else {
        uint64_t at = arrival_ns(message), us = at > stamp.sent_ns ? (at - stamp.sent_ns) / 1000 : 0;
        *byte |= bit;
        received++;
        histogram[us < BUCKETS ? us : BUCKETS - 1]++;
    }
}

/* Reads once in a millisecond: the kernel has timed what came, so nothing is gained by waking up for each packet. */
static void *receive_all(void *unused) {
    static uint8_t packets[BATCH][512], controls[BATCH][64];
    static struct sockaddr_in from[BATCH];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    for (;;) {
        for (int side = 0; side < 2; side++) {
            int count;
            do {
                for (int n = 0; n < BATCH; n++) {
                    parts[n] = (struct iovec){packets[n], sizeof packets[n]};
                    messages[n].msg_hdr = (struct msghdr){.msg_name = from + n, .msg_namelen = sizeof *from,
                        .msg_iov = parts + n, .msg_iovlen = 1, .msg_control = controls[n], .msg_controllen = 64};
                }
                count = recvmmsg(sockets[side], messages, BATCH, MSG_DONTWAIT, NULL);
                for (int n = 0; n < count; n++)
                    take(side, packets[n], messages[n].msg_len, &messages[n].msg_hdr);
            } while (count == BATCH);
        }
        usleep(1000);
    }
    return unused;
}

/* ---- commands ---- */

static void do_call(const char *words) {
    int call, ports[2];
    char hosts[2][64];
    if (sscanf(words, "%d %63s %d %63s %d", &call, hosts[0], &ports[0], hosts[1], &ports[1]) != 5 || call < 0 ||
        call >= MAX_CALLS) {
        fprintf(stderr, "rtpload: call %s", words);
        exit(1);
    }
    pthread_mutex_lock(&lock);
    for (int side = 0; side < 2; side++) {
        struct flow *f = flows + 2 * call + side;
        f->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)ports[side])};
        inet_pton(AF_INET, hosts[side], &f->to.sin_addr);
        f->live = f->marker = true;
    }
    if (call >= calls) calls = call + 1;
    pthread_mutex_unlock(&lock);
    printf("{\"call\": %d}\n", call);
}

static void do_press(const char *words, bool tones) {
    char side, digits[33];
    int first, last;
    if (sscanf(words, "%c %d %d %32s", &side, &first, &last, digits) != 4 || first < 0 || last >= MAX_CALLS ||
        digits[strspn(digits, "0123456789*#ABCD")]) {
        fprintf(stderr, "rtpload: press %s", words);
        exit(1);
    }
    pthread_mutex_lock(&lock);
    for (int call = first; call <= last; call++) {
        struct flow *f = flows + 2 * call + (side == 'b');
        strcpy(f->digits, digits);
        f->digit = f->frame = 0;
        f->tones = tones;
    }
    pthread_mutex_unlock(&lock);
    printf("{\"press\": %d}\n", last - first + 1);
}

static double share_ms(double share) {
    uint64_t wanted = (uint64_t)(share * (double)received), below = 0;
    int us = 0;
    for (; us < BUCKETS - 1 && below + histogram[us] <= wanted; us++) below += histogram[us];
    return us / 1000.0;
}

static void do_measure(double seconds) {
    pthread_mutex_lock(&lock);
    memset(histogram, 0, sizeof histogram);
    sent = received = duplicates = crossed = foreign = late_ns = 0;
    for (int n = 0; n < 2 * calls; n++) {
        flows[n].number = 0;
        memset(flows[n].seen, 0, sizeof flows[n].seen);
    }
    window++;
    measuring = 1;
    pthread_mutex_unlock(&lock);
    usleep((useconds_t)(seconds * 1e6));
    pthread_mutex_lock(&lock);
    measuring = 0;
    pthread_mutex_unlock(&lock);
    usleep(600000);           /* the last ones arrive */
    int longest = BUCKETS - 1;
    while (longest > 0 && histogram[longest] == 0) longest--;
    printf("{\"sent\": %lu, \"received\": %lu, \"duplicates\": %lu, \"crossed\": %lu, \"foreign\": %lu, "
           "\"median_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f, \"sender_late_ms\": %.3f}\n",
           sent, received, duplicates, crossed, foreign, share_ms(0.5), share_ms(0.99), share_ms(0.999),
           longest / 1000.0, (double)late_ns / 1e6);
}

int main(int argc, char **argv) {
    char line[256];
    int ports[2];
    pthread_t thread;
    if (argc != 3) {
        fprintf(stderr, "usage: rtpload HOST_A HOST_B\n");
        return 2;
    }
    make_tones();
    flows = calloc(2 * MAX_CALLS, sizeof *flows);
    for (int side = 0; side < 2; side++) sockets[side] = open_side(argv[1 + side], &ports[side]);
    if (pthread_create(&thread, NULL, send_all, NULL) || pthread_create(&thread, NULL, receive_all, NULL))
        fail("thread");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("{\"a\": %d, \"b\": %d}\n", ports[0], ports[1]);
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "call ", 5)) do_call(line + 5);
        else if (!strncmp(line, "press ", 6)) do_press(line + 6, false);
        else if (!strncmp(line, "tone ", 5)) do_press(line + 5, true);
        else if (!strncmp(line, "measure ", 8)) do_measure(atof(line + 8));
        else if (!strncmp(line, "stop", 4)) {
            pthread_mutex_lock(&lock);
            calls = 0;
            memset(flows, 0, 2 * MAX_CALLS * sizeof *flows);
            pthread_mutex_unlock(&lock);
            printf("{\"stop\": true}\n");
        }
    }
    return 0;
}
