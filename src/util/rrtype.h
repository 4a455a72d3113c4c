/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The ALIAS record, for module and tool: RDATA is one uncompressed domain name.
 */

#pragma once

/*! Type of the record: private use, as PowerDNS and newer libknot have it. */
#define RRTYPE_ALIAS 65401

/*! Targets of one name; what is beyond is left out. */
#define ALIAS_TARGETS_MAX 8
