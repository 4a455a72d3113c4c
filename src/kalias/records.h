/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The ALIAS records that a running knotd has.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <libknot/dname.h>

#include "kalias/control.h"

/*! Names in lower case, except the target's. */
typedef struct {
	knot_dname_t *zone;
	knot_dname_t *owner;
	uint32_t ttl;
	knot_dname_t *target; /*!< NULL: its RDATA is not a name. */
} alias_record_t;

/*! To be zeroed before the first use. */
typedef struct {
	alias_record_t *items;
	size_t count;
	size_t broken;    /*!< How many were left out for their RDATA. */
	const char *zone; /*!< The zone that was asked for; NULL: all. */
	size_t unloaded;  /*!< Zones that are not loaded, so that theirs can't be read. */
	bool secondary;   /*!< One of the zones comes from a primary. */
	bool keep_broken; /*!< Set by the caller: they are kept, without a target and a warning. */
	bool full;        /*!< There was not enough memory for all of them. */
} records_t;

/*!
 * \brief Finds out whether zones are loaded, and secondary.
 *
 * Zones that are not loaded are warned about; if it is the one that was asked for that is an error.
 *
 * \return NULL, or the error that knotd has with it, which has not been printed.
 */
const char *records_status(records_t *records, control_t *control, const char *zone);

/*!
 * \brief Reads the ALIAS records of a zone.
 *
 * Those whose RDATA is not a name are warned about and left out, as the module does, unless they are to be kept.
 * Tells about zones that are not loaded, as records_status() does.
 *
 * \param[in,out] records  What they are added to, sorted by zone and owner then.
 * \param control          Connection.
 * \param zone             Name of the zone, NULL: all zones.
 *
 * \return false after an error, which has been printed.
 */
bool records_read(records_t *records, control_t *control, const char *zone);

/*! \brief Adds the record in a unit of a reply to zone-read or zone-get, if it is an ALIAS, to a records_t. */
void records_take(void *ctx, knot_ctl_data_t data);

/*! \brief Frees the records, and zeroes the structure. */
void records_free(records_t *records);
