/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `lunel.core.pki` as the launcher's state has it (no policy VM does): what `lunel pki` asks of
 * cryptography. Keys are secrets (bindings/objects.h), certificates and lists texts; secrets and
 * texts are taken alike. Each returns nil and why when it fails.
 *
 *   key(kind)                  a new private key
 *   key_kind(key)              "ec" and so on
 *   encrypt(key, password)     the key, encrypted
 *   cert{ role =, cn =, names = {}, not_before =, not_after =, key =, ca_cert =, ca_key = }
 *                              a certificate; role "ca", "server" or "client"
 *   crl{ ca_cert =, ca_key =, number =, this_update =, next_update =,
 *        revoked = { { serial =, when = } } }
 *   facts(cert)                { subject, cn, serial, fingerprint, not_before, not_after, ca,
 *                                server, client }
 *   static_key(), v2_server_key(), auth_token_key(), v2_client_key(server_key, when)
 */
#ifndef LNL_BINDINGS_PKI_H
#define LNL_BINDINGS_PKI_H

#include <lua.h>

/* Sets the field `pki` of the table on top of the stack. */
void lnl_pki_register(lua_State *L);

#endif
