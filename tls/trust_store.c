/* tls/trust_store.c - reading roots from a file, or from where the system keeps them. */
#include "tls/trust_store.h"
#include "tls/library.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Adds one, and takes it over. What the library keeps of its extensions is made here: later it
 * would be by whichever thread is first, and read by the others. */
static bool add_root(struct trust_store *store, X509 *root)
{
    (void)X509_check_purpose(root, -1, 0); /* what is wrong with it, each chain's check will say */
    bool is_added = X509_STORE_add_cert(store->store, root) == 1;
    X509_free(root);
    return is_added;
}

/* The library's own would ask on the terminal. */
static int no_password(char *buffer, int size, int is_for_writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)is_for_writing;
    (void)context;
    return -1;
}

/* Adds every certificate of a PEM file; other things in it are passed over. False where it can't be
 * read to its end. */
static bool add_file(struct trust_store *store, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    X509 *root;
    bool is_well = true;
    ERR_clear_error();
    while (is_well && (root = PEM_read_X509_AUX(file, NULL, no_password, NULL)) != NULL)
        is_well = add_root(store, root);
    unsigned long error = ERR_peek_last_error();
    is_well = is_well && ERR_GET_LIB(error) == ERR_LIB_PEM &&
              ERR_GET_REASON(error) == PEM_R_NO_START_LINE && ferror(file) == 0;
    ERR_clear_error();
    (void)fclose(file); /* was only read */
    return is_well;
}

/* "5ad8a5d6.0": what c_rehash(1) calls a certificate, by the hash of its subject. Other names in
 * the folder are mostly the same certificates once more. */
static bool is_hash_name(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    size_t number = digits == 8 && name[8] == '.' ? strspn(name + 9, "0123456789") : 0;
    return number > 0 && name[9 + number] == '\0';
}

/* A file that can't be read adds nothing, so no chain passes by it. */
static void add_folder(struct trust_store *store, const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char file[4096];
        int size = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (is_hash_name(entry->d_name) && size > 0 && (size_t)size < sizeof(file))
            (void)add_file(store, file);
    }
    if (folder != NULL)
        (void)closedir(folder);
}

/* A list, with colons between them (X509_LOOKUP_hash_dir(3)). */
static void add_folders(struct trust_store *store, const char *list)
{
    char *paths = strdup(list), *rest = paths, *path;
    while (paths != NULL && (path = strsep(&rest, ":")) != NULL)
        if (path[0] != '\0')
            add_folder(store, path);
    free(paths);
}

static const char *variable_or(const char *name, const char *otherwise)
{
    const char *value = secure_getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

static bool read_system(struct trust_store *store, struct fault *fault)
{
    const char *file = variable_or(X509_get_default_cert_file_env(), X509_get_default_cert_file());
    const char *folders = variable_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    (void)add_file(store, file);
    add_folders(store, folders);
    if (trust_store_count(store) > 0)
        return true;
    fault_what(fault, "the system trusts no root certificate");
    fault_where(fault, "%s", folders);
    fault_remedy(fault, "install ca-certificates, or name a file of roots with --ca-file");
    return false;
}

static bool read_file(struct trust_store *store, const char *path, struct fault *fault)
{
    bool is_there = access(path, R_OK) == 0;
    const char *error = strerror(errno);
    bool is_read = is_there && add_file(store, path);
    if (is_read && trust_store_count(store) > 0)
        return true;
    fault_what(fault, "can't read root certificates%s%s", is_there ? "" : ": ",
               is_there ? "" : error);
    fault_where(fault, "%s", path);
    fault_remedy(fault, is_read ? "name a file with at least one certificate, in PEM"
                                : "name a readable file of certificates in PEM");
    return false;
}

struct trust_store *trust_store_new(const char *ca_file, struct fault *fault)
{
    struct trust_store *store = calloc(1, sizeof(*store));
    if (store != NULL)
        store->store = X509_STORE_new();
    if (store == NULL || store->store == NULL) {
        fault_what(fault, "out of memory");
        trust_store_free(store);
        return NULL;
    }
    if (ca_file != NULL ? read_file(store, ca_file, fault) : read_system(store, fault))
        return store;
    trust_store_free(store);
    return NULL;
}

void trust_store_free(struct trust_store *store)
{
    if (store == NULL)
        return;
    X509_STORE_free(store->store);
    free(store);
}

uint32_t trust_store_count(const struct trust_store *store)
{
    return (uint32_t)sk_X509_OBJECT_num(X509_STORE_get0_objects(store->store));
}
