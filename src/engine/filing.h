/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The private parts of the planner: filing.c puts targets into agendas, planner.c picks queries out of them.
 */

#pragma once

#include "engine/planner.h"

/*! Most targets handled at a time, so that queries leave in between. */
#define FILING_MAX 1024

/*! \brief Whether an entry failed, and the failure is not forgiven. */
bool planner_is_failing(const planner_t *planner, const entry_t *entry);

/*! \brief The entry of a wanted target that is asked for next. */
entry_t *planner_pick(const planner_t *planner, target_t *target);

/*! \brief Files a target where its entries need it. */
void planner_file(planner_t *planner, target_t *target, uint64_t now);

/*! \brief The next target whose time comes, or NULL. \param[out] at  When, clock_ms(), or SCHEDULE_NEVER. */
target_t *planner_next_to_wake(const planner_t *planner, uint64_t *at);

/*! \brief Makes targets due whose time has come. \return A target that is of no use any more, now removed, or NULL. */
target_t *planner_advance(planner_t *planner, uint64_t now);
