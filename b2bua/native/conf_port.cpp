// SPDX-License-Identifier: GPL-3.0-or-later
#include "conf_port.hpp"

#include <pjsua-lib/pjsua.h>

namespace {

enum { BITS_PER_SAMPLE = 16 };

}  // namespace

int add_conf_port(pjmedia_port& port, const char* text, unsigned signature, unsigned clock_rate_hz)
{
    pj_pool_t* pool = pjsua_pool_create(text, 512, 512);
    if (!pool)
        return -1;
    pj_str_t name;
    pj_strdup2_with_null(pool, &name, text);
    pjmedia_port_info_init(&port.info, &name, signature, clock_rate_hz, 1, BITS_PER_SAMPLE,
                           clock_rate_hz / FRAMES_PER_SECOND);
    pjsua_conf_port_id id = PJSUA_INVALID_ID;
    if (pjsua_conf_add_port(pool, &port, &id) != PJ_SUCCESS) {
        pj_pool_release(pool);
        return -1;
    }
    return id;
}
