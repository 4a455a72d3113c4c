/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dnssec/keystores.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "util/hash.h"

int keystores_add(keystores_t *stores, bool pkcs11, const char *config)
{
	if (stores->count == KEYSTORES_MAX) {
		return KNOT_ERANGE;
	}
	char *copy = strdup(config);
	if (copy == NULL) {
		return KNOT_ENOMEM;
	}
	stores->store[stores->count].pkcs11 = pkcs11;
	stores->store[stores->count++].config = copy;
	return KNOT_EOK;
}

int keystores_copy(keystores_t *copy, const keystores_t *stores)
{
	int ret = KNOT_EOK;
	for (unsigned i = 0; i < stores->count && ret == KNOT_EOK; i++) {
		ret = keystores_add(copy, stores->store[i].pkcs11, stores->store[i].config);
	}
	return ret;
}

uint64_t keystores_id(const keystores_t *stores)
{
	uint64_t id = stores->count;
	for (unsigned i = 0; i < stores->count; i++) {
		id = hash64(id ^ stores->store[i].pkcs11, stores->store[i].config, strlen(stores->store[i].config));
	}
	return id;
}

void keystores_free(keystores_t *stores)
{
	for (unsigned i = 0; i < stores->count; i++) {
		free(stores->store[i].config);
	}
	memset(stores, 0, sizeof(*stores));
}

static int read_from(dnssec_key_t *key, const char *id, bool pkcs11, const char *config)
{
	dnssec_keystore_t *store = NULL;
	int ret = pkcs11 ? dnssec_keystore_init_pkcs11(&store) : dnssec_keystore_init_pkcs8(&store);
	if (ret != DNSSEC_EOK) {
		return ret;
	}
	ret = dnssec_keystore_open(store, config);
	if (ret == DNSSEC_EOK) {
		ret = dnssec_keystore_get_private(store, id, key);
	}
	(void)dnssec_keystore_deinit(store);
	return ret;
}

int keystores_read(const keystores_t *stores, dnssec_key_t *key, const char *id)
{
	int ret = DNSSEC_NO_PRIVATE_KEY;
	for (unsigned i = 0; i < stores->count && ret != DNSSEC_EOK; i++) {
		ret = read_from(key, id, stores->store[i].pkcs11, stores->store[i].config);
	}
	return ret;
}
