/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A c-ares channel on a libuv loop.
 *
 * A channel lies in its owner's structure, which is not to be moved or freed between channel_open() and
 * channel_close(). The sockets belong to the channel. Time is the owner's: it has a timer that calls
 * channel_expire() after channel_wait(). All calls on the loop's thread.
 *
 * c-ares must be neither called nor destroyed from one of its callbacks. What a reply makes necessary waits for the
 * owner's settle().
 */

#pragma once

#include <stdint.h>
#include <urcu/list.h>
#include <uv.h>
#include <libknot/dname.h>

/* The calls that 1.34 prefers do not exist in 1.18. */
#define CARES_NO_DEPRECATED
#include <ares.h>

/*! EDNS payload size that is not fragmented (DNS Flag Day 2020). */
#define CHANNEL_EDNS_PAYLOAD 1232

/*! What differs between channels. */
typedef struct {
	int flags;                           /*!< ARES_FLAG_*, besides those that all channels have. */
	uint32_t timeout;                    /*!< Wait of the first try, ms. */
	uint32_t tries;                      /*!< At each server. */
	uint32_t timeout_max;                /*!< Longest wait of those c-ares versions that find it out by themselves, ms; 0: theirs. */
	struct ares_addr_port_node *servers; /*!< In the order of preference. */
} channel_options_t;

/*! A channel; all fields are private, but `ares` may be given to calls that this header does not have. */
typedef struct {
	ares_channel ares;
	uv_loop_t *loop;
	void (*settle)(void *owner);
	void *owner;
	uint64_t *tcp;
	struct cds_list_head socks;
} channel_t;

/*!
 * \brief Opens a channel.
 *
 * \param channel  Channel.
 * \param loop     Loop to run on.
 * \param options  What differs from other channels.
 * \param settle   Called after c-ares has dealt with a socket; may close the channel.
 * \param owner    Its argument.
 *
 * \return KNOT_ENOMEM, or KNOT_EOK.
 */
int channel_open(channel_t *channel, uv_loop_t *loop, const channel_options_t *options, void (*settle)(void *owner),
                 void *owner);

/*! \brief Closes a channel; a query that is under way ends with ARES_EDESTRUCTION. */
void channel_close(channel_t *channel);

/*! \brief Has the TCP connections counted that are made to servers. */
void channel_count_tcp(channel_t *channel, uint64_t *count);

/*! What a query carries. */
enum {
	QUERY_RD = 1 << 0,   /*!< Recursion is desired. */
	QUERY_AD = 1 << 1,   /*!< "Tell me whether it is validated" (RFC 6840, section 5.7). */
	QUERY_EDNS = 1 << 2, /*!< An OPT record. */
	QUERY_DO = 1 << 3,   /*!< Signatures are wanted; with QUERY_EDNS only. */
};

/*!
 * \brief Asks for (name, type, IN). The callback may come before this returns.
 *
 * \return An error if the query can't be written, and then there is no callback; or KNOT_EOK.
 */
int channel_query(channel_t *channel, const knot_dname_t *name, uint16_t type, unsigned flags, ares_callback cb,
                  void *ctx);

/*! \brief Time until channel_expire() is due, ms; UINT64_MAX if there are no queries. */
uint64_t channel_wait(const channel_t *channel);

/*! \brief Lets c-ares retransmit or give up what has had its time. */
void channel_expire(channel_t *channel);

/*! \brief Ends connections from which nothing has come since a time of clock_ms(). The next query gets a new one. */
void channel_drop_silent(channel_t *channel, uint64_t since);
