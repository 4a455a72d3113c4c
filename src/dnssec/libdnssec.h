/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief libdnssec, which is a part of libknot since Knot DNS 3.6 and has its error codes there.
 */

#pragma once

#include <libknot/libknot.h>

#if KNOT_VERSION_HEX < 0x030600
#include <libdnssec/dnssec.h>
#else
#include <libknot/dnssec/crypto.h>
#include <libknot/dnssec/key.h>
#include <libknot/dnssec/keystore.h>
#include <libknot/dnssec/keytag.h>
#include <libknot/dnssec/nsec.h>
#include <libknot/dnssec/sign.h>

#define DNSSEC_EOK KNOT_EOK
#define DNSSEC_NO_PRIVATE_KEY KNOT_NO_PRIVATE_KEY
#define dnssec_strerror knot_strerror
#endif
