/* tls/certificate_name.c - whom a certificate is for. Names are matched here rather than by the
 * library, because that one lets a "*" stand for letters, digits and hyphens alone, but servers of
 * buckets have names with underscores below theirs. */
#include "tls/certificate_name.h"
#include "base/text.h"

#include <openssl/bio.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

static bool is_for_one_label_more(const char *pattern, size_t size, const char *host)
{
    const char *rest = strchr(host, '.');
    return size > 2 && pattern[0] == '*' && pattern[1] == '.' && rest != NULL && rest != host &&
           memchr(pattern + 2, '.', size - 2) != NULL && strlen(rest) == size - 1 &&
           strncasecmp(pattern + 1, rest, size - 1) == 0;
}

/* A name with a NUL in it is as long as its encoding says, so it equals no host. */
static bool is_match(const ASN1_STRING *name, const char *host)
{
    const char *pattern = (const char *)ASN1_STRING_get0_data(name);
    size_t size = (size_t)ASN1_STRING_length(name);
    return (size == strlen(host) && strncasecmp(pattern, host, size) == 0) ||
           is_for_one_label_more(pattern, size, host);
}

bool certificate_is_for(const X509 *certificate, const char *host)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool is_for = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !is_for; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        is_for = name->type == GEN_DNS && is_match(name->d.dNSName, host);
    }
    GENERAL_NAMES_free(names);
    return is_for;
}

void certificate_add_names(const X509 *certificate, struct text *text)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const char *between = "";
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !text->cut; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        text_add(text, between);
        text_add_escaped(text, ASN1_STRING_get0_data(name->d.dNSName),
                         (size_t)ASN1_STRING_length(name->d.dNSName));
        between = ", ";
    }
    GENERAL_NAMES_free(names);
}

void certificate_add_name(const X509_NAME *name, struct text *text)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *printed = NULL;
    bool is_printed = memory != NULL && X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253) >= 0;
    long size = is_printed ? BIO_get_mem_data(memory, &printed) : 0;
    for (long i = 0; i < size && !text->cut; i++) {
        bool is_printable = printed[i] >= ' ' && printed[i] <= '~';
        text_add_bytes(text, is_printable ? &printed[i] : "?", 1);
    }
    text_add(text, is_printed ? "" : "(unreadable)");
    BIO_free(memory);
}
