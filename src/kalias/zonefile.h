/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The words of a zone file, each with its place (RFC 1035, section 5.1).
 *
 * The text is cut into entries, which are records or directives, and these into words. The reader does not know what a
 * word means, so it reads records of all types, and an editor can leave all other words as they are. Lines end with LF
 * or CR LF.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*! The octets between two separators, with quotes and escapes. */
typedef struct {
	size_t start; /*!< Offset of its first octet. */
	size_t end;   /*!< Offset of the octet after it. */
	size_t line;  /*!< Line it starts in, from 1. */
	size_t depth; /*!< Parentheses open around it. */
	bool quoted;  /*!< It has a quoted part. */
} zonefile_word_t;

/*! A text, and the last entry that was read. */
typedef struct {
	const char *text;
	size_t len;

	zonefile_word_t *words; /*!< At least one after a successful zonefile_next(). */
	size_t count;
	bool has_owner;  /*!< The first word is an owner or a directive; else the owner is inherited. */
	size_t end;      /*!< Offset after the last word or parenthesis. */
	size_t end_line; /*!< Line of that. */

	const char *error; /*!< Rule that the text breaks, after KNOT_EPARSEFAIL. */
	size_t error_line; /*!< Where. */

	/* Private. */
	size_t pos, line, room;
} zonefile_t;

/*!
 * \brief Reads all that is left of a stream, but for a byte order mark and CR before LF.
 *
 * \param[out] text  The octets, not terminated; to be freed by the caller.
 * \param[out] len   Their number.
 *
 * \return NULL, or the error, and then NULL for text.
 */
const char *zonefile_read(char **text, size_t *len, FILE *stream);

/*! \brief Begins to read a text, which has to outlive the reader. */
void zonefile_init(zonefile_t *file, const char *text, size_t len);

/*! \brief Frees what the reader holds, not the text. */
void zonefile_clear(zonefile_t *file);

/*!
 * \brief Reads the next entry.
 *
 * \return KNOT_EOK, KNOT_EOF, or KNOT_EPARSEFAIL, after which nothing more can be read.
 */
int zonefile_next(zonefile_t *file);

/*!
 * \brief Finds the type of a record.
 *
 * \param file   Reader.
 * \param first  Word to begin with: the one after the owner.
 *
 * \return Index of the first word that is neither TTL nor class, the number of words if there is none.
 */
size_t zonefile_type(const zonefile_t *file, size_t first);

/*! \brief Whether the entry is a directive. */
bool zonefile_is_directive(const zonefile_t *file);

/*! \brief Whether the entry has a word of that index, and it is this text, in upper or lower case. */
bool zonefile_is(const zonefile_t *file, size_t index, const char *text);

/*! \brief Whether a word is a class. */
bool zonefile_is_class(const zonefile_t *file, size_t index);

/*!
 * \brief Copies words, with a space between them.
 *
 * \param file   Reader.
 * \param first  First of the words.
 * \param last   Word after the last one.
 *
 * \return Text to be freed by the caller.
 */
char *zonefile_copy(const zonefile_t *file, size_t first, size_t last);
