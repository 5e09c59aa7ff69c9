/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Compile-time settings of PJSIP for this product: a B2BUA for up to 2048 two-leg calls in one process, audio only.
 * Copied over pjlib/include/pj/config_site.h by build.py; part of the cache key, so any edit rebuilds the wheel.
 * Facts were read in the 2.17 source; the run-time half of the settings is init_limits() in limits.cpp.
 */

/* ---- pjlib ---- */

/* Phones and carriers on IPv6, and the IPv6 half of the gate's networks. */
#define PJ_HAS_IPV6                         1

/* One ioqueue holds every RTP and RTCP socket (2 per leg, 4096 legs) and spare ones for ICE or SRTP keying. With the epoll
 * back end this is only the size of a table made at start; FD_SETSIZE is never consulted. */
#define PJ_IOQUEUE_MAX_HANDLES              16384

/* A burst of RTP is taken in one epoll_wait; the default of 16 costs a system call per 16 sockets. */
#define PJ_IOQUEUE_MAX_EVENTS_IN_SINGLE_POLL 64

/* Log statements up to level 5 (SIP messages are level 4) stay in the binary; the level in force is chosen at run time. */
#define PJ_LOG_MAX_LEVEL                    5

/* A logged SIP message must not be cut: 4000 would cut a long INVITE. Stack space of the logging thread. */
#define PJ_LOG_MAX_SIZE                     18000

/* ---- pjmedia ---- */

#define PJMEDIA_HAS_VIDEO                   0   /* audio only: no converter, no devices, smaller wrapper */
#define PJMEDIA_HAS_LEGACY_SOUND_API        0   /* no sound card; the conference runs on the null device's clock */

/* The bridge with one clock thread. The parallel one adds threads that would call our taps concurrently. */
#define PJMEDIA_CONF_BACKEND                PJMEDIA_CONF_SERIAL_BRIDGE_BACKEND

/* One telephone-event payload type per clock rate in use (RFC 4733 section 2.1), not just 8 kHz: Opus legs need 48 kHz. */
#define PJMEDIA_TELEPHONE_EVENT_ALL_CLOCKRATES 1

#define PJMEDIA_RTP_PT_TELEPHONE_EVENTS      101 /* what everybody uses; some gateways know no other */
#define PJMEDIA_HAS_DTMF_FLASH              1   /* accept event 16 (hook flash) as a digit */

/* Media lines in one SDP. pjsua keeps two such arrays per call, so 16 would cost 4096 calls a great deal of memory.
 * 8 admits audio + video + text + application + fax and their fallbacks. */
#define PJMEDIA_MAX_SDP_MEDIA               8

/* Formats in one media line: carriers' offers with many codecs and dynamic types. */
#define PJMEDIA_MAX_SDP_FMT                 40

/* A leg's media thread may be late by tens of milliseconds on a busy machine; the kernel keeps 64 KiB (some 300 packets). */
#define PJMEDIA_TRANSPORT_SO_RCVBUF_SIZE    (64*1024)
#define PJMEDIA_TRANSPORT_SO_SNDBUF_SIZE    (64*1024)


/* ---- pjsip ---- */

#define PJSIP_MAX_URL_SIZE                  1024    /* Contact URIs with long parameters (GRUU, outbound, carriers) */
#define PJSIP_MAX_PKT_LEN                   16000   /* identity headers, long Record-Route lists, big offers */

/* Hash tables, rounded up to 2^n. Timer heap = 2 * transactions + 2 * dialogs by default. */
#define PJSIP_MAX_TSX_COUNT                 (32*1024-1)
#define PJSIP_MAX_DIALOG_COUNT              (16*1024-1)

/* TCP and TLS connections plus listeners. Its ioqueue has a handle table of this size. */
#define PJSIP_MAX_TRANSPORTS                4096
#define PJSIP_TPMGR_HTABLE_SIZE             1023    /* must be 2^n-1; 31 chains are long with thousands of connections */

/* SIP is polled from the one SIP thread, at least every 10 ms: take what is due in one turn. One packet a turn would let
   calls wait for seconds beside a busy API (50 calls/s and 500 GETs/s). */
#define PJSIP_TRANSPORT_SERVER_IDLE_TIME_FIRST 10   /* s: a stranger's connection that never speaks is closed */
#define PJSIP_MAX_TIMED_OUT_ENTRIES         64
#define PJSIP_MAX_NET_EVENTS                16

/* SIP bursts wait here while the SIP thread runs Python: 300 calls/s for 2 s fit. The kernel caps it at rmem_max. */
#define PJSIP_UDP_SO_RCVBUF_SIZE            (4*1024*1024)
#define PJSIP_UDP_SO_SNDBUF_SIZE            (1*1024*1024)

/* ---- pjsua ---- */

#define PJSUA_MAX_CALLS                     4096    /* legs: two per bridged call */
#define PJSUA_MAX_ACC                       64      /* one per transport and trunk identity, not one per phone */
#define PJSUA_MAX_CONF_PORTS                16384   /* a leg, its tap, a player or recorder, spare */
#define PJSUA_MAX_PLAYERS                   1024    /* announcements playing at the same time */
#define PJSUA_MAX_RECORDERS                 1024    /* ours write from the bank; left for experiments */
#define PJSUA_MAX_BUDDIES                   4       /* presence is not served */
