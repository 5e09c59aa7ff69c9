// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge.hpp"

#include <vector>

#include <pjsua-lib/pjsua.h>

#include "relay_leg.hpp"

namespace {

std::vector<int> call_of;  // by conference port, as leg_port has told it; SIP thread

/// What came while nobody listened is old: the first listener begins with what comes now, not with a full jitter buffer.
void freshen(int port)
{
    const int call_id = port_call(port);
    pjsua_conf_port_info info;
    if (call_id >= 0 && pjsua_conf_get_port_info(port, &info) == PJ_SUCCESS && info.listener_cnt == 0)
        relay::refresh_stream(call_id);
}

}  // namespace

int leg_port(int call_id)
{
    // PJSUA answers a call id out of range with PJ_EINVAL, a positive number that would pass for a port.
    if (call_id < 0 || call_id >= int(pjsua_call_get_max_count()))
        return -1;
    const int port = pjsua_call_get_conf_port(call_id);
    if (port >= 0) {
        if (port >= int(call_of.size()))
            call_of.resize(size_t(port) + 64, -1);
        call_of[port] = call_id;
    }
    return port;
}

int port_call(int port)
{
    if (port < 0 || port >= int(call_of.size()) || call_of[port] < 0)
        return -1;
    return pjsua_call_get_conf_port(call_of[port]) == port ? call_of[port] : -1;
}

int conf_connect(int src, int dst)
{
    return conf_connect_level(src, dst, 1.0f);
}

int conf_connect_level(int src, int dst, float level)
{
    pjsua_conf_connect_param param;
    if (src < 0 || dst < 0)
        return PJ_EINVAL;
    freshen(src);
    pjsua_conf_connect_param_default(&param);
    param.level = level;
    return pjsua_conf_connect2(src, dst, &param);
}

int conf_disconnect(int src, int dst)
{
    return src < 0 || dst < 0 ? PJ_EINVAL : pjsua_conf_disconnect(src, dst);
}

unsigned conf_ports_in_use()
{
    return pjsua_conf_get_active_ports();
}
