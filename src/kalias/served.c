/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/served.h"

#include "kalias/knotconf.h"

bool served_by_module(control_t *control, const char *zone)
{
	section_t section;
	knotconf_find_section(&section, control, zone);
	return section.state != MODULE_ABSENT;
}
