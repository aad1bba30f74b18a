/* tls/certificate_name.h - whom a certificate is for, and who is who in it. For the files of tls/
 * alone. */
#pragma once
#include <openssl/x509.h>
#include <stdbool.h>

struct text;

/* Whether `host` (dotted, lower case) is among the names of its subjectAltName (RFC 6125 6.4); the
 * subject's common name says nothing. A "*" stands for one whole label, and only above at least two
 * others. */
bool certificate_is_for(const X509 *certificate, const char *host);

/* Adds the names that it is for, as many as fit, with ", " between them. */
void certificate_add_names(const X509 *certificate, struct text *text);

/* Adds a subject or issuer (RFC 4514) in printable ASCII, as much as fits. */
void certificate_add_name(const X509_NAME *name, struct text *text);
