// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/// PJSIP's run-time settings that pjsua2 does not reach; the compile-time half is config_site.h.
/// Call once, before Endpoint.libCreate: PJSIP logs to standard output from there until libInit sets the log up.
/// Thread: SIP.
void init_limits();
