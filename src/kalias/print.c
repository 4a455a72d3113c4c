/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/print.h"

#include <stdio.h>
#include <string.h>

int print_column(int width, const knot_dname_t *name)
{
	knot_dname_txt_storage_t text;
	int own = strlen(knot_dname_to_str(text, name, sizeof(text)));
	return (own > width && own <= PRINT_COLUMN_MAX) ? own : width;
}

void print_name(int width, const knot_dname_t *name)
{
	knot_dname_txt_storage_t text;
	printf("%-*s", width, knot_dname_to_str(text, name, sizeof(text)));
}

void print_json_string(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		unsigned char c = *text;
		if (c == '"' || c == '\\') {
			printf("\\%c", c);
		} else if (c < ' ' || c > '~') {
			printf("\\u%04x", c);
		} else {
			putchar(c);
		}
	}
	putchar('"');
}

void print_json_name(const knot_dname_t *name)
{
	knot_dname_txt_storage_t text;
	print_json_string(knot_dname_to_str(text, name, sizeof(text)));
}
