// SPDX-License-Identifier: GPL-3.0-or-later
//
// Conference ports by number. pjsua2 has the same verbs on AudioMedia objects, but those want one Python object per
// leg and raise for a leg that has just lost its media; here a status code comes back. Thread: SIP, all of them.
// Connecting and disconnecting are queued and take effect at the next tick of the conference clock (20 ms).
#pragma once

int leg_port(int call_id);                               ///< conference port of a call's audio, -1 without media
int conf_connect(int src, int dst);                      ///< pj_status_t, 0 = queued; -1 never a port: PJ_EINVAL
int conf_connect_level(int src, int dst, float level);   ///< level 1.0 = as is, 0.0 = silent, 2.0 = twice
int conf_disconnect(int src, int dst);                   ///< PJ_EINVAL when either port is gone or being removed
int port_call(int port);                                 ///< the call whose audio is at it, -1: none
unsigned conf_ports_in_use();                            ///< legs, taps, players and port 0
