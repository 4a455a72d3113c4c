/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Targets of many tenants, taken in turn by tenant.
 *
 * Each tenant has a queue of its own for each kind of turns, in which its targets have an order. The tenants whose queues
 * are not empty take turns, whatever the length of their queues. So a tenant with 60,000 targets and one with a
 * single target get as many queries each, until the single one is served.
 *
 * A tenant's turn is a number. The lowest one is next. After it the tenant has the next number, and a tenant that comes
 * anew goes behind those that have not had the turn now current (virtual time, as in fair queueing).
 *
 * The engine's thread only. All operations cost O(log n). Memory is bounded by the number of targets.
 */

#pragma once

#include "engine/tenant.h"

/*! Zeroed before first use, but for `kind`. */
typedef struct {
	unsigned kind;   /*!< Index of the queue of each tenant. */
	heap_t tenants;  /*!< Queues that are not empty, by turn, without those that are paused or held up. */
	uint32_t queues; /*!< Number of all that are not empty. */
	uint32_t paused; /*!< Number of those that are paused. */
	uint64_t turn;   /*!< The last turn that was had. */
	uint32_t count;  /*!< Targets, without those of tenants that are held up. */
} turns_t;

/*! \brief Frees what was allocated for the turns, but not for the tenants' queues. */
void turns_deinit(turns_t *turns);

/*! \brief Adds a target to its tenant's queue. \param key  The lowest is first. \return KNOT_ENOMEM or KNOT_EOK. */
int turns_insert(turns_t *turns, target_t *target, uint64_t key);

/*! \brief Removes a target, which must still be charged to the same tenant. */
void turns_remove(turns_t *turns, target_t *target);

/*! \brief The first target of a tenant that has one. */
target_t *turns_first(const turns_t *turns, const tenant_t *tenant);

/*! \brief The first target of the tenant whose turn it is, or NULL. */
target_t *turns_top(const turns_t *turns);

/*! \brief The key of a target that is in its tenant's queue. */
uint64_t turns_key(const turns_t *turns, const target_t *target);

/*! \brief Ends the turn of the first tenant. There must be one. */
void turns_next(turns_t *turns);

/*! \brief Leaves out the first tenant until turns_resume(), or until it has no targets. There must be one. */
void turns_pause(turns_t *turns);

/*! \brief Ends a pause, if there is one. */
void turns_resume(turns_t *turns, tenant_t *tenant);

/*! \brief Takes a tenant that is held up now, see tenant_is_held(), out of the turns. Its pause ends. */
void turns_hold(turns_t *turns, tenant_t *tenant);

/*! \brief Lets a tenant that is no longer held up take turns again. */
void turns_release(turns_t *turns, tenant_t *tenant);
