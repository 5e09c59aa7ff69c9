// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge.hpp"

#include <pjsua-lib/pjsua.h>

int leg_port(int call_id)
{
    // PJSUA answers a call id out of range with PJ_EINVAL, a positive number that would pass for a port.
    if (call_id < 0 || call_id >= int(pjsua_call_get_max_count()))
        return -1;
    return pjsua_call_get_conf_port(call_id);
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
