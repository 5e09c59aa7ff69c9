// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/// PJSIP's run-time settings that pjsua2 does not reach; the compile-time half is config_site.h.
/// Call once, before Endpoint.libInit: transactions and transports copy some of them. Thread: SIP.
void init_limits();
