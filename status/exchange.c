/* status/exchange.c - one request and its answer: checks it, waits for its data, answers. */
#include "base/clock.h"
#include "status/assets.h"
#include "status/page.h"
#include "status/status_layout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* In place of a route: why there is no answer of one. */
struct refusal {
    unsigned code;
    const char *sentence;
};

static const char content_policy[] =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

static const char *const media_types[] = {
    [MEDIA_TEXT] = "text/plain; charset=utf-8",
    [MEDIA_HTML] = "text/html; charset=utf-8",
    [MEDIA_JSON] = "application/json",
    [MEDIA_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
};

void *exchange_begin(void *context, const char *url, struct MHD_Connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    exchange->status = context;
    exchange->connection = connection;
    size_t size = strlen(url);
    if (size < sizeof(exchange->url))
        memcpy(exchange->url, url, size + 1);
    return exchange;
}

/* Answers */

static void add_headers(struct MHD_Response *response, const char *type, const char *caching)
{
    static const char *const headers[][2] = {
        { "Content-Security-Policy", content_policy },
        { "X-Content-Type-Options", "nosniff" },
        { "X-Frame-Options", "DENY" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Cross-Origin-Embedder-Policy", "require-corp" },
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        (void)MHD_add_response_header(response, headers[i][0], headers[i][1]);
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "Cache-Control", caching);
}

static void add_headers_of_code(struct MHD_Response *response, unsigned code)
{
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, "Allow", "GET, HEAD");
    if (code != MHD_HTTP_UNAUTHORIZED)
        return;
    (void)MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"pinhole\"");
    /* A browser asks a person for this one, and can't for the other. */
    (void)MHD_add_response_header(response, "WWW-Authenticate",
                                  "Basic realm=\"pinhole: any user, the token as password\", "
                                  "charset=\"UTF-8\"");
}

/* MHD_NO, which closes the connection, where there is no memory. */
static enum MHD_Result queue(struct exchange *exchange, struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO;
    add_headers_of_code(response, exchange->code);
    enum MHD_Result result = MHD_queue_response(exchange->connection, exchange->code, response);
    MHD_destroy_response(response);
    exchange->state = EXCHANGE_ANSWERED;
    return result;
}

/* The body, which is given away. */
static enum MHD_Result send_body(struct exchange *exchange)
{
    struct output body = exchange->body;
    exchange->body = (struct output){ 0 };
    if (body.has_failed || body.at == NULL) {
        output_release(&body);
        return MHD_NO;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.size, body.at, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        output_release(&body);
        return MHD_NO;
    }
    add_headers(response, media_types[exchange->media], "no-store");
    return queue(exchange, response);
}

static enum MHD_Result send_asset(struct exchange *exchange, const struct asset *asset)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        asset->size, (void *)(uintptr_t)asset->bytes, MHD_RESPMEM_PERSISTENT);
    exchange->code = MHD_HTTP_OK;
    if (response != NULL) /* its name says what is in it, so it never changes */
        add_headers(response, asset->type, "private, max-age=31536000, immutable");
    return queue(exchange, response);
}

/* Makes the answer one that says why there is no other. */
static void refuse(struct exchange *exchange, unsigned code, const char *sentence)
{
    output_release(&exchange->body);
    exchange->code = code;
    page_write_refusal(exchange->media, code, sentence, &exchange->body);
}

/* Checks */

static const char *header_of(struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    unsigned *count = context;
    (void)kind, (void)value;
    *count += strcasecmp(name, "Host") == 0;
    return MHD_YES;
}

/* Two would let each reader choose another one. */
static bool has_own_host(struct exchange *exchange)
{
    const char *host = header_of(exchange, "Host");
    unsigned count = 0;
    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_header, &count);
    return host != NULL && count == 1 && host_is_own(host, &exchange->status->names);
}

static bool has_token(struct exchange *exchange)
{
    const char *expected = exchange->status->token;
    const char *header = header_of(exchange, "Authorization");
    char *password = NULL;
    if (expected == NULL)
        return true;
    const char *bearer = header != NULL ? token_of_header(header) : NULL;
    char *user = bearer == NULL
                     ? MHD_basic_auth_get_username_password(exchange->connection, &password)
                     : NULL;
    const char *given = bearer != NULL ? bearer : password;
    bool is_equal = given != NULL && token_is_equal(given, expected);
    if (user != NULL)
        MHD_free(user);
    if (password != NULL)
        MHD_free(password);
    return is_equal;
}

static bool has_body(struct exchange *exchange)
{
    const char *length = header_of(exchange, "Content-Length");
    return header_of(exchange, "Transfer-Encoding") != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

static struct refusal check_form(struct exchange *exchange, const char *method)
{
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return (struct refusal){ MHD_HTTP_METHOD_NOT_ALLOWED,
                                 "This only shows: GET and HEAD. Rules are edited with SQL, in the "
                                 "policy file." };
    if (exchange->url[0] == '\0')
        return (struct refusal){ MHD_HTTP_URI_TOO_LONG, "The URL is too long." };
    if (has_body(exchange))
        return (struct refusal){ MHD_HTTP_CONTENT_TOO_LARGE, "A request has no body here." };
    return (struct refusal){ 0 };
}

static struct refusal check_asker(struct exchange *exchange)
{
    if (!has_own_host(exchange))
        return (struct refusal){
            MHD_HTTP_FORBIDDEN,
            "The Host header names no address of this page. Ask by IP address or as localhost, or "
            "start Pinhole with --status-host NAME for each name that leads here."
        };
    if (!has_token(exchange))
        return (struct refusal){ MHD_HTTP_UNAUTHORIZED,
                                 "This asks for a token: Authorization: Bearer TOKEN, or in a "
                                 "browser any user name and the token as password." };
    return (struct refusal){ 0 };
}

/* Finds the route and reads the arguments. */
static struct refusal check_question(struct exchange *exchange, const char *path)
{
    const char *query = strchr(exchange->url, '?');
    query = query != NULL ? query + 1 : "";
    exchange->route = route_find(path);
    exchange->media = exchange->route != NULL          ? exchange->route->media
                      : strncmp(path, "/api/", 5) == 0 ? MEDIA_JSON
                                                       : MEDIA_HTML;
    if (exchange->route == NULL)
        return (struct refusal){ MHD_HTTP_NOT_FOUND, "There is no such page." };
    const char *wrong = arguments_read(query, strlen(query), &exchange->arguments);
    if (wrong == NULL)
        wrong = route_query(exchange->route, &exchange->arguments, &exchange->query);
    return (struct refusal){ wrong != NULL ? MHD_HTTP_BAD_REQUEST : 0, wrong };
}

/* Data */

static void join_waiting(struct exchange *exchange)
{
    struct status *status = exchange->status;
    exchange->next = status->waiting;
    exchange->previous = &status->waiting;
    if (status->waiting != NULL)
        status->waiting->previous = &exchange->next;
    status->waiting = exchange;
}

static void leave_waiting(struct exchange *exchange)
{
    *exchange->previous = exchange->next;
    if (exchange->next != NULL)
        exchange->next->previous = exchange->previous;
    exchange->next = NULL;
    exchange->previous = NULL;
}

static void write_answer(struct exchange *exchange, const struct status_data *data)
{
    const struct route *route = exchange->route;
    const char *refused = route_refused(route, &exchange->query, data);
    const char *missing = route_missing(route, &exchange->query, data);
    if (refused != NULL) {
        refuse(exchange, MHD_HTTP_BAD_REQUEST, refused);
        return;
    }
    if (missing != NULL) {
        refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, missing);
        return;
    }
    struct view view = { data, &exchange->query, &exchange->arguments, route->path,
                         clock_realtime_s() };
    exchange->code = MHD_HTTP_OK;
    route->write(&view, &exchange->body);
}

/* The wait is over, with an answer that is written. */
static void resume(struct exchange *exchange)
{
    leave_waiting(exchange);
    exchange->state = EXCHANGE_READY;
    status_resume(exchange->status, exchange->connection);
}

static void on_gathered(struct gather_waiter *waiter, const struct status_data *data)
{
    struct exchange *exchange = (struct exchange *)waiter;
    if (data != NULL)
        write_answer(exchange, data);
    else
        refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "Pinhole is stopping.");
    resume(exchange);
}

static void wait_for_data(struct exchange *exchange)
{
    exchange->state = EXCHANGE_WAITING;
    exchange->deadline_ms = clock_monotonic_ms() + STATUS_PATIENCE_MS;
    exchange->waiter.on_done = on_gathered;
    MHD_suspend_connection(exchange->connection);
    join_waiting(exchange);
    if (gather_join(&exchange->status->gathers, &exchange->query, &exchange->waiter))
        return;
    refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "Pinhole is out of memory.");
    resume(exchange);
}

static bool has_client_left(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    return info != NULL && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void exchange_look_after(struct status *status)
{
    int64_t now_ms = clock_monotonic_ms();
    for (struct exchange *exchange = status->waiting, *next; exchange != NULL; exchange = next) {
        next = exchange->next;
        if (exchange->deadline_ms > now_ms && !has_client_left(exchange))
            continue;
        gather_leave(&status->gathers, &exchange->waiter);
        refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE,
               "The data could not be gathered in time: the threads that have it are busy.");
        resume(exchange);
    }
}

/* Handling */

static void write_probe(struct exchange *exchange, const char *not_ready)
{
    exchange->code = not_ready == NULL ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    output_add(&exchange->body, not_ready == NULL ? "ok" : not_ready);
    output_add(&exchange->body, "\n");
}

/* The orchestrator's probes: they show nothing, so anybody may ask, by any name. True when `path`
 * is one. */
static bool answer_probe(struct exchange *exchange, const char *path)
{
    const struct status_source *source = &exchange->status->gathers.source;
    if (strcmp(path, "/healthz") == 0)
        write_probe(exchange, NULL);
    else if (strcmp(path, "/readyz") == 0)
        write_probe(exchange, source->not_ready(source->context));
    else
        return false;
    return true;
}

static enum MHD_Result answer_refusal(struct exchange *exchange, struct refusal refusal)
{
    refuse(exchange, refusal.code, refusal.sentence);
    return send_body(exchange);
}

/* What is answered so early ends the connection, which suits what is malformed alone: libmicrohttpd
 * would read a body after it. */
static enum MHD_Result handle_new(struct exchange *exchange, const char *method)
{
    struct refusal refusal = check_form(exchange, method);
    exchange->state = EXCHANGE_WELL_FORMED;
    return refusal.code != 0 ? answer_refusal(exchange, refusal) : MHD_YES;
}

static enum MHD_Result handle_well_formed(struct exchange *exchange, const char *path)
{
    struct refusal refusal;
    if (answer_probe(exchange, path))
        return send_body(exchange);
    refusal = check_asker(exchange);
    if (refusal.code != 0)
        return answer_refusal(exchange, refusal);
    const struct asset *asset = asset_find(path);
    if (asset != NULL)
        return send_asset(exchange, asset);
    refusal = check_question(exchange, path);
    if (refusal.code != 0)
        return answer_refusal(exchange, refusal);
    wait_for_data(exchange);
    return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
enum MHD_Result exchange_handle(void *context, struct MHD_Connection *connection, const char *path,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **exchange)
{
    struct exchange *own = *exchange;
    (void)context, (void)connection, (void)version, (void)upload, (void)upload_size;
    if (own == NULL)
        return MHD_NO; /* there was no memory for it */
    switch (own->state) {
    case EXCHANGE_NEW:
        return handle_new(own, method);
    case EXCHANGE_WELL_FORMED:
        return handle_well_formed(own, path);
    case EXCHANGE_READY:
        return send_body(own);
    case EXCHANGE_WAITING:
    case EXCHANGE_ANSWERED:
        break;
    }
    return MHD_YES;
}

void exchange_end(void *context, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode why)
{
    struct exchange *own = *exchange;
    (void)context, (void)connection, (void)why;
    *exchange = NULL;
    if (own == NULL)
        return;
    gather_leave(&own->status->gathers, &own->waiter);
    if (own->previous != NULL)
        leave_waiting(own);
    output_release(&own->body);
    free(own);
}
